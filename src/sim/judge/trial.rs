//! The conversation of a group: every message once, as it was written, by its author, for the same eyes, with its files;
//! the target's agents' own messages untouched; nothing that nobody wrote.

use std::collections::{BTreeSet, HashMap};

use chrono::TimeDelta;

use super::group::Group;
use super::normal::normal;
use super::rules::Times;
use super::thread::{Found, Match, Origin, Wanted, align};
use super::verdict::{Kind, Place};
use super::{Court, at};
use crate::sim::snapshot::{TicketState, TicketView};
use crate::sim::story::log::{MessageLog, TicketLog};

impl<'a> Court<'a> {
    /// Compares what was written with what stands in the target tickets.
    pub(super) fn try_thread(&mut self, group: &Group<'a>, targets: &[&'a TicketView]) {
        let wanted = self.wanted(group, targets);
        let found = found(targets);
        let (matches, left) = align(&wanted, &found, self.rules);
        for one in &matches {
            self.check_message(&wanted[one.wanted], &found[one.found]);
        }
        let is_root_present = group.members.iter().any(|(id, log)| *id == group.root && log.is_present());
        self.report_missing(&wanted, &matches, is_root_present, targets);
        self.report_left(group, &found, &matches, &left);
        self.check_order(&wanted, &found, &matches);
        self.check_exposure(group, targets, &found);
    }

    fn wanted(&mut self, group: &Group<'a>, targets: &[&'a TicketView]) -> Vec<Wanted<'a>> {
        let mut wanted = Vec::new();
        for (id, log) in &group.members {
            wanted.extend(log.messages.iter().map(|message| Wanted::of(Origin::Source, id, message)));
        }
        wanted.extend(self.desk_messages(group));
        for target in targets {
            self.heard.insert(&target.id);
            if let Some(log) = self.agents_work(&target.id) {
                wanted.extend(log.messages.iter().map(|message| Wanted::of(Origin::Agent, &target.id, message)));
            }
        }
        wanted
    }

    /// Messages in the source's store that nobody of the story wrote.
    fn desk_messages(&self, group: &Group<'a>) -> Vec<Wanted<'a>> {
        let ids = |message: &'a MessageLog| message.id.as_deref();
        let known: BTreeSet<&str> = group.members.iter().flat_map(|(_, log)| log.messages.iter().filter_map(ids)).collect();
        let views = group.members.iter().filter_map(|(id, _)| self.source.get(id).map(|view| (*id, *view)));
        let mut seen = BTreeSet::new();
        let mut made = Vec::new();
        for (id, view) in views {
            for message in view.messages.iter().filter(|message| !known.contains(message.id.as_str())) {
                if seen.insert(message.id.as_str()) {
                    made.push(Wanted::of_desk(id, message));
                }
            }
        }
        made
    }

    fn check_message(&mut self, wanted: &Wanted<'_>, found: &Found<'_>) {
        let is_agent = wanted.origin == Origin::Agent;
        let place = Place { source: (!is_agent).then_some(wanted.ticket), target: Some(found.ticket) };
        match wanted.origin {
            Origin::Desk => return,
            Origin::Agent => self.verdict.agents_messages += 1,
            Origin::Source => self.verdict.messages += 1,
        }
        let named = name(wanted, found);
        let beside = wanted.beside(&found.normal);
        if beside.is_none() && !wanted.is_redacted {
            let kind = if is_agent { Kind::AgentMessage } else { Kind::Text };
            self.verdict.differ(kind, place, format!("{named}: its words are not what was written"));
        }
        if !wanted.has_author(found, self.rules) {
            let what = format!("{named}: should be by {}, is by {}", wanted.author, found.message.author);
            self.verdict.differ(Kind::Author, place, what);
        }
        if !is_agent && !self.is_timely(wanted, found, beside.as_deref()) {
            let what = format!("{named}: was written at {}, is told as of {}", wanted.at, found.message.at);
            self.verdict.differ(Kind::Time, place, what);
        }
        self.check_visibility(wanted, found, place, &named);
        self.check_files(wanted, found, place, &named);
    }

    fn is_timely(&self, wanted: &Wanted<'_>, found: &Found<'_>, beside: Option<&str>) -> bool {
        let is_kept = (wanted.at - found.message.at).abs() < TimeDelta::seconds(2);
        let day = wanted.at.format("%Y%m%d").to_string();
        let is_said = beside.is_none_or(|beside| beside.contains(&day));
        match self.rules.times {
            Times::Any => true,
            Times::Kept => is_kept,
            Times::Said => is_said,
            Times::KeptOrSaid => is_kept || is_said,
        }
    }

    fn check_visibility(&mut self, wanted: &Wanted<'_>, found: &Found<'_>, place: Place<'_>, named: &str) {
        if wanted.public == found.message.public {
            return;
        }
        let is_widened = found.message.public;
        if is_widened && self.case.exposed.contains(wanted.ticket) {
            self.verdict.explained += 1;
            return;
        }
        let what = if is_widened { "is public, but must be internal" } else { "is internal, but was public" };
        self.verdict.differ(Kind::Visibility, place, format!("{named}: {what}"));
    }

    fn check_files(&mut self, wanted: &Wanted<'_>, found: &Found<'_>, place: Place<'_>, named: &str) {
        if !wanted.has_files(found) {
            let (should, are) = (names(wanted.files), names(&found.message.files));
            let what = format!("{named}: should have the files [{should}], has [{are}], or their bytes differ");
            return self.verdict.differ(Kind::Attachment, place, what);
        }
        if wanted.origin == Origin::Source {
            self.verdict.attachments += wanted.files.len() as u64;
            self.verdict.bytes += wanted.files.iter().map(|file| file.size).sum::<u64>();
        }
        if self.rules.keeps_file_names && sorted_names(wanted.files) != sorted_names(&found.message.files) {
            let what = format!("{named}: files [{}] are named [{}]", names(wanted.files), names(&found.message.files));
            self.verdict.differ(Kind::Attachment, place, what);
        }
        let inline: Vec<_> = wanted.files.iter().filter(|file| file.inline).collect();
        let is_shown = |file: &&&crate::sim::snapshot::FileView| {
            found.message.files.iter().any(|other| other.sha256 == file.sha256 && other.inline)
        };
        let lost = inline.iter().filter(|file| !is_shown(file)).count();
        let images = if found.message.html { found.message.body.matches("<img").count() } else { inline.len() };
        if self.rules.keeps_inline && (lost > 0 || images < inline.len()) {
            self.verdict.differ(Kind::Inline, place, format!("{named}: an image is not shown in the text"));
        }
    }

    fn report_missing(&mut self, wanted: &[Wanted<'a>], matches: &[Match], is_root_present: bool, targets: &[&TicketView]) {
        let matched: BTreeSet<usize> = matches.iter().map(|one| one.wanted).collect();
        let first = targets.first().map(|target| target.id.as_str());
        for (_, wanted) in wanted.iter().enumerate().filter(|(at, _)| !matched.contains(at)) {
            let (kind, place) = match wanted.origin {
                Origin::Desk => continue,
                Origin::Agent => (Kind::AgentMessage, Place { source: None, target: Some(wanted.ticket) }),
                Origin::Source if !is_root_present || !self.is_owed(wanted.ticket) => continue,
                Origin::Source => (Kind::MissingMessage, Place { source: Some(wanted.ticket), target: first }),
            };
            let what =
                format!("the message of {} at {} is not there: {}", wanted.author, wanted.at, start(&wanted.pieces.concat()));
            self.verdict.differ(kind, place, what);
        }
    }

    /// Whether a source ticket's messages have to be in the target.
    fn is_owed(&self, ticket: &str) -> bool {
        self.case.log.source.get(ticket).is_some_and(|log| log.state != TicketState::Deleted)
    }

    fn report_left(&mut self, group: &Group<'a>, found: &[Found<'a>], matches: &[Match], left: &BTreeSet<usize>) {
        let mut used: HashMap<&str, usize> = HashMap::new();
        for one in matches {
            used.insert(found[one.found].normal.as_str(), one.found);
        }
        for at_left in left {
            let one = &found[*at_left];
            let is_note = self.rules.notes.iter().any(|note| one.normal.contains(&normal(note, false)));
            if is_note {
                continue;
            }
            let place = Place { source: Some(group.root), target: Some(one.ticket) };
            let twin = used.get(one.normal.as_str()).filter(|twin| found[**twin].hashes == one.hashes);
            let (kind, what) = match twin {
                Some(twin) => (Kind::DoubledMessage, format!("message {} is there again as", found[*twin].message.id)),
                None => (Kind::ExtraMessage, "nobody wrote message".to_string()),
            };
            let what = format!("{what} {} (by {}): {}", one.message.id, one.message.author, start(&one.normal));
            self.verdict.differ(kind, place, what);
        }
    }

    fn check_order(&mut self, wanted: &[Wanted<'a>], found: &[Found<'a>], matches: &[Match]) {
        let mut last: HashMap<(&str, &str), usize> = HashMap::new();
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for one in matches.iter().filter(|one| wanted[one.wanted].origin == Origin::Source) {
            let (wanted, found_at) = (&wanted[one.wanted], &found[one.found]);
            let before = last.insert((wanted.ticket, found_at.ticket), one.found);
            if before.is_some_and(|before| before > one.found) && told.insert(wanted.ticket) {
                let what = format!("{}: stands before a message that is older", name(wanted, found_at));
                let place = Place { source: Some(wanted.ticket), target: Some(found_at.ticket) };
                self.verdict.differ(Kind::Order, place, what);
            }
        }
    }

    /// Redacted words are nowhere, unless the source's own store still has them (in a comment that a merge made).
    fn check_exposure(&mut self, group: &Group<'a>, targets: &[&'a TicketView], found: &[Found<'a>]) {
        let redacted = |log: &'a TicketLog| log.messages.iter().flat_map(|message| &message.redacted);
        for (id, words) in group.members.iter().flat_map(|(id, log)| redacted(log).map(|words| (*id, normal(words, false)))) {
            let Some(one) = found.iter().find(|one| !words.is_empty() && one.normal.contains(&words)) else { continue };
            if self.is_still_at_source(group, &words) {
                continue;
            }
            if self.case.exposed.contains(id) {
                self.verdict.explained += 1;
                continue;
            }
            let what = format!("words that were redacted at the source still stand in message {}", one.message.id);
            let target = targets.iter().find(|target| target.id == one.ticket).copied();
            self.verdict.differ(Kind::Exposed, at(id, target), what);
        }
    }

    fn is_still_at_source(&self, group: &Group<'a>, words: &str) -> bool {
        let views = group.members.iter().filter_map(|(id, _)| self.source.get(id));
        views.flat_map(|view| &view.messages).any(|message| normal(&message.body, message.html).contains(words))
    }
}

/// The messages of these tickets, each once: a desk may show a merged ticket's messages in both.
fn found<'a>(targets: &[&'a TicketView]) -> Vec<Found<'a>> {
    let mut seen = BTreeSet::new();
    let all = targets.iter().flat_map(|ticket| ticket.messages.iter().map(|message| (ticket.id.as_str(), message)));
    all.filter(|(_, message)| seen.insert(message.id.as_str())).map(|(ticket, message)| Found::of(ticket, message)).collect()
}

fn name(wanted: &Wanted<'_>, found: &Found<'_>) -> String {
    format!("message {} ({} at {})", found.message.id, wanted.author, wanted.at)
}

fn names(files: &[crate::sim::snapshot::FileView]) -> String {
    files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn sorted_names(files: &[crate::sim::snapshot::FileView]) -> Vec<String> {
    let mut names: Vec<String> = files.iter().map(|file| normal(&file.name, false)).collect();
    names.sort_unstable();
    names
}

/// The first words, for people.
pub(super) fn start(text: &str) -> String {
    let cut: String = text.chars().take(40).collect();
    format!("\"{cut}\"")
}
