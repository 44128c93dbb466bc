//! Reads `[scope]`, `[policy]` and `[retention]`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::desk::field::FieldKey;
use crate::desk::policy::{Closed, Conflict, Deletion, Guard, Limit, Policy, RepliesBack, Silence, Tags, Unmapped};
use crate::desk::scope::{Leaving, Scope};
use crate::desk::window::{REST, Window};

use super::mirror::Retention;
use super::page::{Entry, Section};
use super::table::field_key;

const PRESETS: [(&str, Conflict); 3] =
    [("old-leads", Conflict::SourceWins), ("new-leads", Conflict::TargetWins), ("ask", Conflict::Ask)];
const CONFLICTS: [(&str, Conflict); 4] = [
    ("source-wins", Conflict::SourceWins),
    ("target-wins", Conflict::TargetWins),
    ("newest-wins", Conflict::NewestWins),
    ("ask", Conflict::Ask),
];
const GUARDS: [(&str, Guard); 3] = [("merge", Guard::Merge), ("wait", Guard::Wait), ("ask", Guard::Ask)];
const DELETIONS: [(&str, Deletion); 3] = [("mark", Deletion::Mark), ("delete", Deletion::Delete), ("leave", Deletion::Leave)];
const CLOSED: [(&str, Closed); 2] = [("follow-up", Closed::FollowUp), ("park", Closed::Park)];
const UNMAPPED: [(&str, Unmapped); 2] = [("park", Unmapped::Park), ("leave-out", Unmapped::LeaveOut)];
const SILENCES: [(&str, Silence); 3] =
    [("proven", Silence::Proven), ("admin-rule", Silence::AdminRule), ("mail-allowed", Silence::MailAllowed)];
const REPLIES: [(&str, RepliesBack); 3] =
    [("off", RepliesBack::Off), ("notes", RepliesBack::Notes), ("public", RepliesBack::Public)];
const LEAVINGS: [(&str, Leaving); 2] = [("keep", Leaving::Keep), ("mark", Leaving::Mark)];

/// The scope; every ticket where nothing is written.
pub fn scope(section: Option<Section<'_>>) -> Scope {
    let Some(section) = section else { return Scope::default() };
    let words = |key| section.get(key).map(|entry| words(&entry)).unwrap_or_default();
    let truth = |key| section.get(key).and_then(|entry| entry.truth()).unwrap_or_default();
    let scope = Scope {
        created_after: section.get("created-after").and_then(|entry| entry.moment()),
        updated_after: section.get("updated-after").and_then(|entry| entry.moment()),
        groups: words("groups"),
        brands: words("brands"),
        statuses: words("statuses"),
        tags: words("tags"),
        without_tags: words("without-tags"),
        spam: truth("spam"),
        suspended: truth("suspended"),
        leaving: section.get("leaving").and_then(|entry| entry.word(&LEAVINGS)).unwrap_or_default(),
    };
    if let Some(tag) = scope.tags.intersection(&scope.without_tags).next() {
        section
            .wrong(format!("no ticket can both have and not have the tag \"{tag}\""), "keep it in one of the lists".to_string());
    }
    section.finish();
    scope
}

/// Every `[[window]]`, in the order of the file.
pub fn windows(root: &Section<'_>) -> Vec<Window> {
    let sections = root.get("window").map(|entry| entry.sections()).unwrap_or_default();
    let mut windows: Vec<Window> = Vec::new();
    for section in sections {
        let Some(window) = window(&section) else { continue };
        if windows.iter().any(|other| other.name == window.name) {
            section.wrong(format!("two windows are called \"{}\"", window.name), "give each its own name".to_string());
        }
        windows.push(window);
    }
    windows
}

fn window(section: &Section<'_>) -> Option<Window> {
    let name = section.need("name", "name = \"billing\"").and_then(|entry| entry.text());
    let words = |key| section.get(key).map(|entry| words(&entry)).unwrap_or_default();
    let window = Window {
        name: name.unwrap_or_default().to_string(),
        groups: words("groups"),
        brands: words("brands"),
        forms: words("forms"),
        tags: words("tags"),
        created_after: section.get("created-after").and_then(|entry| entry.moment()),
        created_before: section.get("created-before").and_then(|entry| entry.moment()),
    };
    section.finish();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=40).contains(&name?.len()) || !window.name.chars().all(plain) || window.name == REST {
        let right = format!("use 1 to 40 of a-z, 0-9 and -; `{REST}` is the window of all other tickets");
        section.wrong(format!("\"{}\" is no name for a window", window.name), right);
        return None;
    }
    if (Window { name: window.name.clone(), ..Window::default() }) == window {
        section.wrong(
            format!("the window \"{}\" has no condition: it would take every ticket", window.name),
            "add groups, brands, forms, tags, created-after or created-before".to_string(),
        );
    }
    Some(window)
}

fn words(entry: &Entry<'_>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for item in entry.texts() {
        let word = item.text().unwrap_or_default();
        if word.trim().is_empty() {
            item.wrong(format!("`{}` has an empty word in it", item.path), "remove it".to_string());
        } else if !found.insert(word.to_string()) {
            item.wrong(format!("\"{word}\" stands in `{}` twice", item.path), "keep one of the two".to_string());
        }
    }
    found
}

/// The policy; the default for everything that is not written. Mistakes are noted on the page.
pub fn policy(section: Option<Section<'_>>) -> Policy {
    let usual = Policy::default();
    let Some(section) = section else { return usual };
    let preset = section.get("preset").and_then(|entry| entry.word(&PRESETS)).unwrap_or(usual.conflict);
    let guard = section.get("guard").and_then(|entry| entry.word(&GUARDS)).unwrap_or(usual.guard);
    let limit_of = |key, usual| section.part(key).map_or(usual, |part| limit(&part, usual));
    let policy = Policy {
        conflict: section.get("conflict").and_then(|entry| entry.word(&CONFLICTS)).unwrap_or(preset),
        fields: section.part("fields").map(|part| conflicts(&part)).unwrap_or_default(),
        guard,
        guard_for: guard_for(&section, guard).unwrap_or(usual.guard_for),
        deletion: section.get("deletion").and_then(|entry| entry.word(&DELETIONS)).unwrap_or(usual.deletion),
        closed: section.get("closed").and_then(|entry| entry.word(&CLOSED)).unwrap_or(usual.closed),
        unmapped: section.get("unmapped").and_then(|entry| entry.word(&UNMAPPED)).unwrap_or(usual.unmapped),
        destructive_limit: limit_of("destructive-limit", usual.destructive_limit),
        echo_limit: limit_of("echo-limit", usual.echo_limit),
        birth_limit: limit_of("birth-limit", usual.birth_limit),
        author_line: section.get("author-line").and_then(|entry| entry.truth()).unwrap_or(usual.author_line),
        tags: section.part("tags").map(|part| tags(&part)).unwrap_or_default(),
        silence: section.get("silence").and_then(|entry| entry.word(&SILENCES)).unwrap_or(usual.silence),
        replies_back: section.get("replies-back").and_then(|entry| entry.word(&REPLIES)).unwrap_or(usual.replies_back),
        source_silence: section.get("source-silence").and_then(|entry| entry.word(&SILENCES)).unwrap_or(usual.source_silence),
        tickets_back: section.get("tickets-back").and_then(|entry| entry.truth()).unwrap_or(usual.tickets_back),
    };
    section.finish();
    policy
}

/// How long what is known is kept.
pub fn retention(section: Option<Section<'_>>) -> Retention {
    let usual = Retention::default();
    let Some(section) = section else { return usual };
    let most = Duration::from_secs(3_650 * 86_400);
    let length = |key, least| section.get(key).and_then(|entry| entry.length(least, most));
    let retention = Retention {
        payloads: length("payloads", Duration::from_secs(3_600)).unwrap_or(usual.payloads),
        after_retirement: length("after-retirement", Duration::ZERO).unwrap_or(usual.after_retirement),
    };
    section.finish();
    retention
}

/// How long people have to be quiet; a mistake where nobody waits for it.
fn guard_for(section: &Section<'_>, guard: Guard) -> Option<Duration> {
    let entry = section.get("guard-for")?;
    if guard != Guard::Wait {
        entry.at_key().wrong(
            format!("`{}` says how long to wait, and nothing waits", entry.path),
            "write `guard = \"wait\"` too, or leave it out".to_string(),
        );
    }
    entry.length(Duration::from_secs(1), Duration::from_secs(86_400))
}

fn conflicts(part: &Section<'_>) -> BTreeMap<FieldKey, Conflict> {
    let read = |entry: Entry<'_>| field_key(&entry.at_key(), entry.key).zip(entry.word(&CONFLICTS));
    part.entries().into_iter().filter_map(read).collect()
}

fn limit(part: &Section<'_>, usual: Limit) -> Limit {
    let lengths = (Duration::from_secs(1), Duration::from_secs(86_400));
    let count = part.get("count").and_then(|entry| entry.whole(0..1_000_001));
    let within = part.get("within").and_then(|entry| entry.length(lengths.0, lengths.1));
    part.finish();
    Limit { count: count.unwrap_or(usual.count), within: within.unwrap_or(usual.within) }
}

fn tags(part: &Section<'_>) -> Tags {
    let usual = Tags::default();
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let tag = |key: &'static str, usual: String| {
        let entry = part.get(key);
        let tag = entry.as_ref().and_then(tag).unwrap_or(usual);
        if !seen.borrow_mut().insert(tag.clone()) {
            part.wrong(format!("two of our tags are called \"{tag}\""), "give each its own name".to_string());
        }
        tag
    };
    let tags = Tags {
        mirrored: tag("mirrored", usual.mirrored),
        incomplete: tag("incomplete", usual.incomplete),
        silent: tag("silent", usual.silent),
        deleted: tag("deleted", usual.deleted),
        out_of_scope: tag("out-of-scope", usual.out_of_scope),
    };
    part.finish();
    tags
}

/// A tag that no desk changes: Zendesk lower-cases tags and parts them at blanks.
fn tag(entry: &Entry<'_>) -> Option<String> {
    let text = entry.text()?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if text.is_empty() || text.len() > 60 || !text.chars().all(plain) {
        let right = "use 1 to 60 of a-z, 0-9, _ and -".to_string();
        entry.wrong(format!("`{}` is no tag that every desk keeps as it is", entry.path), right);
        return None;
    }
    Some(text.to_string())
}
