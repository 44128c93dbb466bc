//! The conversation: every message of the source once in the target, with its words, author, time, visibility and files.
//! Messages are known by the ledger's links and by our keys. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::desk::id::MessageId;
use crate::desk::ticket::{Attachment, AttachmentState, Message, Ticket, Visibility};
use crate::ledger::check::MessageRecord;

use super::case::{Case, EXPOSED, Findings, Known};
use super::report::{Kind, Remedy};
use super::words::{Spoken, cut, fold, is_part_of, is_redacted, same_start, spoken, words};

/// Source ids of notes about links that the target cannot hold: messages of ours without a source message.
const LINK_NOTE: &str = "link:";
const NARROWER: &str = "fewer people can read a message in the new desk";
const REDACTED: &str = "words of a message were redacted";
const NO_LINE: &str = "the policy adds no line on author and time";
const FILE_LOST: &str = "a file was not carried, and the message says so";

/// The files of one message, to be compared by their bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Files {
    /// The message at the source.
    pub message: MessageId,
    pub source: Vec<Attachment>,
    pub target: Vec<Attachment>,
    pub exposed: bool,
}

/// The source's message that stands behind a key of ours.
pub fn source_of<'a>(case_prefix: &str, message: &'a Message) -> Option<&'a str> {
    message.key.as_deref()?.strip_prefix(case_prefix)
}

/// Whether the target messages of this source ticket are all in `pool`.
pub fn is_whole(source: &Ticket, links: &[MessageRecord], pool: &[Message]) -> bool {
    let ids: BTreeSet<&MessageId> = pool.iter().map(|message| &message.id).collect();
    let target = |message: &Message| links.iter().find(|link| link.source == message.id).and_then(|link| link.target.as_ref());
    source.messages.iter().filter_map(target).all(|target| ids.contains(target))
}

/// Compares the conversation with the messages of all target tickets that belong to it.
pub fn compare(case: &Case<'_>, links: &[MessageRecord], pool: &[Message], found: &mut Findings) -> Vec<Files> {
    let prefix = case.keys.message("");
    let by_source: BTreeMap<&MessageId, &MessageRecord> = links.iter().map(|link| (&link.source, link)).collect();
    let mut copies: BTreeMap<&MessageId, &Message> = BTreeMap::new();
    let mut files = Vec::new();
    for message in &case.source.messages {
        found.messages += 1;
        let link = by_source.get(&message.id).copied();
        let Some(held) = copy_of(message, link, pool, &prefix) else {
            missing(case, message, link, found);
            continue;
        };
        if copies.insert(&held.id, held).is_some() {
            let what = format!("{} has no copy of its own", name_of(case, message));
            found.differ(Kind::MissingMessage, what, &words(&message.body), "");
            continue;
        }
        files.extend(compare_one(case, message, held, link.is_some_and(|link| link.exposed), found));
    }
    doubles(links, &copies, pool, &prefix, found);
    files
}

fn copy_of<'a>(message: &Message, link: Option<&MessageRecord>, pool: &'a [Message], prefix: &str) -> Option<&'a Message> {
    let link = link?;
    match &link.target {
        Some(target) => pool.iter().find(|held| held.id == *target),
        None => pool.iter().find(|held| source_of(prefix, held) == Some(message.id.as_str())),
    }
}

fn missing(case: &Case<'_>, message: &Message, link: Option<&MessageRecord>, found: &mut Findings) {
    if link.is_none() && message.attachments.iter().any(|file| file.state == AttachmentState::Pending) {
        found.moving = Some("a file of it is still being scanned at the source");
        return;
    }
    let why = match link {
        None => "was never carried",
        Some(link) if link.target.is_none() => "was sent, and is not there",
        Some(_) => "was carried, and is not there any more",
    };
    found.differ(Kind::MissingMessage, format!("{} {why}", name_of(case, message)), &words(&message.body), "");
    found.mend(link.map_or(Remedy::Look, |_| Remedy::Say { message: message.id.clone() }));
}

/// `message 12 of Jane Doe at 2026-11-20 10:11:12`.
fn name_of(case: &Case<'_>, message: &Message) -> String {
    let name = case.people.get(&message.author).and_then(|known| known.names.first());
    let name = name.map_or(message.author.as_str(), String::as_str);
    format!("message {} of {name} at {}", message.id, message.created_at.format("%Y-%m-%d %H:%M:%S"))
}

fn compare_one(case: &Case<'_>, message: &Message, held: &Message, exposed: bool, found: &mut Findings) -> Option<Files> {
    let said = words(&message.body);
    let spoken = spoken(&held.body, &said);
    if spoken.words != said {
        compare_words(case, message, held, (&said, &spoken.words), exposed, found);
    }
    match (message.visibility, held.visibility) {
        (Visibility::Internal, Visibility::Public) if exposed => found.explain(EXPOSED),
        (Visibility::Internal, Visibility::Public) => {
            found.differ(Kind::Exposed, format!("{} is internal", name_of(case, message)), "internal", "public");
            found.mend(Remedy::Hide { message: message.id.clone() });
        }
        (Visibility::Public, Visibility::Internal) => found.explain(NARROWER),
        _ => {}
    }
    compare_author(case, message, held, &spoken, found);
    compare_time(case, message, held, &spoken, found);
    let source = carried_files(case, message, &spoken, found);
    let target: Vec<Attachment> =
        held.attachments.iter().filter(|file| file.state != AttachmentState::Removed).cloned().collect();
    let any = !source.is_empty() || !target.is_empty();
    any.then(|| Files { message: message.id.clone(), source, target, exposed })
}

fn compare_words(
    case: &Case<'_>,
    message: &Message,
    held: &Message,
    (said, there): (&str, &str),
    exposed: bool,
    found: &mut Findings,
) {
    let redacted = is_redacted(&message.body) || is_redacted(&held.body);
    if exposed {
        return found.explain(EXPOSED);
    }
    if redacted && is_part_of(there, said) {
        return found.explain(REDACTED);
    }
    let place = same_start(said, there);
    let (kind, what) = match is_redacted(&message.body) {
        true => (Kind::Exposed, "was redacted, and the copy says more"),
        false => (Kind::Words, "has other words"),
    };
    found.differ(kind, format!("{} {what}", name_of(case, message)), &cut(said, place), &cut(there, place));
}

fn compare_author(case: &Case<'_>, message: &Message, held: &Message, spoken: &Spoken, found: &mut Findings) {
    let nobody = Known::default();
    let known = case.people.get(&message.author).unwrap_or(&nobody);
    let told = spoken.told.as_ref().map(|told| told.who.as_str());
    if known.target() == Some(&held.author) || told.is_some_and(|who| is_named(known, message, who)) {
        return;
    }
    if told.is_none() && !case.policy.author_line {
        return found.explain(NO_LINE);
    }
    let there = told.map_or_else(|| format!("person {}", held.author), |who| format!("told as {who}"));
    let source = known.names.first().map_or(message.author.as_str(), String::as_str);
    found.differ(Kind::Author, format!("{} has another author", name_of(case, message)), source, &there);
}

/// `Jane Doe (jane@example.org)`, or the name alone; the id of somebody who has no name any more.
fn is_named(known: &Known, message: &Message, who: &str) -> bool {
    let nameless = known.names.is_empty().then(|| message.author.to_string());
    let names = known.names.iter().map(|name| fold(name)).chain(nameless);
    let (name, email) = who.strip_suffix(')').and_then(|who| who.rsplit_once(" (")).unwrap_or((who, ""));
    names.into_iter().any(|known| known == who || known == name)
        || known.emails.iter().any(|known| known.eq_ignore_ascii_case(email))
}

fn compare_time(case: &Case<'_>, message: &Message, held: &Message, spoken: &Spoken, found: &mut Findings) {
    let at = message.created_at.timestamp();
    let told = spoken.told.as_ref().map(|told| told.at);
    if held.created_at.timestamp() == at || told.is_some_and(|told| told.timestamp() == at) {
        return;
    }
    if told.is_none() && !case.policy.author_line {
        return found.explain(NO_LINE);
    }
    let there = told.unwrap_or(held.created_at);
    let spell = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
    let what = format!("{} has another time", name_of(case, message));
    found.differ(Kind::Time, what, &spell(message.created_at), &spell(there));
}

/// The source's files that have to be there: those of which the message says that they were not carried are left out.
fn carried_files(case: &Case<'_>, message: &Message, spoken: &Spoken, found: &mut Findings) -> Vec<Attachment> {
    let mut lost: Vec<&str> = spoken.lost.iter().map(String::as_str).collect();
    let mut carried = Vec::new();
    for file in message.attachments.iter().filter(|file| file.state != AttachmentState::Removed) {
        let start = format!("{}: ", fold(&file.name));
        if let Some(place) = lost.iter().position(|told| told.starts_with(&start)) {
            lost.remove(place);
            found.explain(FILE_LOST);
        } else if file.state == AttachmentState::Refused {
            let what = format!("{}: nothing says that a file was not carried", name_of(case, message));
            found.differ(Kind::File, what, &file.name, "");
        } else {
            carried.push(file.clone());
        }
    }
    carried
}

/// Messages of ours beyond one for each source message. Messages of the target's people are theirs.
fn doubles(
    links: &[MessageRecord],
    copies: &BTreeMap<&MessageId, &Message>,
    pool: &[Message],
    prefix: &str,
    found: &mut Findings,
) {
    let linked: BTreeSet<&MessageId> = links.iter().filter_map(|link| link.target.as_ref()).collect();
    let free = pool.iter().filter(|held| !linked.contains(&held.id) && !copies.contains_key(&held.id));
    for held in free {
        let twin = match source_of(prefix, held) {
            Some(source) if source.starts_with(LINK_NOTE) => false,
            Some(_) => true,
            None => copies.values().any(|copy| is_twin(copy, held)),
        };
        if twin {
            let what = format!("message {} of the target is a copy that the ledger does not know", held.id);
            found.differ(Kind::Doubled, what, "", &words(&held.body));
        }
    }
}

/// Without a key of ours: the same words, and written by us, or by the same person in the same second.
fn is_twin(copy: &Message, held: &Message) -> bool {
    let same_moment = copy.author == held.author && copy.created_at.timestamp() == held.created_at.timestamp();
    (same_moment || held.ours) && held.key.is_none() && words(&copy.body) == words(&held.body)
}
