//! What the story did on purpose, at both desks: the only truth that the judge starts from.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::desk::Side;
use crate::sim::snapshot::{FileView, TicketState};
use crate::sim::stage::{Action, Done, Text, Who};

/// Stands in a logged body where words were redacted.
pub const GAP: &str = "\u{2587}";

/// Everything that was done, in the order of the deeds' numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Log {
    pub seed: u64,
    /// By the source's ticket id.
    pub source: BTreeMap<String, TicketLog>,
    /// By the target's ticket id: its own tickets, and mirrored ones that its agents touched.
    pub target: BTreeMap<String, TicketLog>,
    /// What a desk would not do, in its words.
    pub refusals: Vec<Refusal>,
    /// Deeds by side and kind: `source reply`.
    pub deeds: BTreeMap<String, u64>,
    /// How many deeds there were, refused ones left out.
    pub last: u64,
}

/// A deed that the desk refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    pub side: Side,
    pub deed: String,
    pub answer: String,
}

/// What was done to one ticket at one desk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketLog {
    /// Opened here by the story. `false`: the mirror made it and only deeds of this desk's own people are told.
    pub native: bool,
    pub messages: Vec<MessageLog>,
    /// The last value that was written; people by e-mail.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Every write of a field, oldest first.
    pub writes: Vec<FieldWrite>,
    /// Added and not removed since.
    pub tags: BTreeSet<String>,
    /// Removed and not added since.
    pub tags_removed: BTreeSet<String>,
    pub cc: BTreeSet<String>,
    pub followers: BTreeSet<String>,
    /// Kind and the other ticket's id.
    pub links: BTreeSet<(String, String)>,
    pub state: TicketState,
}

/// A message as it was written, and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageLog {
    /// Number of the deed.
    pub deed: u64,
    /// The desk's id, where it told.
    pub id: Option<String>,
    pub author: String,
    pub author_name: String,
    pub public: bool,
    pub at: DateTime<Utc>,
    pub html: bool,
    /// With [`GAP`] in the place of redacted words.
    pub body: String,
    pub files: Vec<FileView>,
    /// Words that were taken out.
    pub redacted: Vec<String>,
    /// It was public once.
    pub made_private: bool,
}

/// A write of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldWrite {
    /// Number of the deed.
    pub deed: u64,
    pub field: String,
    pub value: Vec<String>,
    pub by: String,
}

/// The form of a deed, for counting.
pub fn kind(action: &Action) -> &'static str {
    match action {
        Action::Open { .. } => "open",
        Action::Reply { .. } => "reply",
        Action::Note { .. } => "note",
        Action::Set { .. } => "set",
        Action::Tag { .. } => "tag",
        Action::Link { .. } => "link",
        Action::Unlink { .. } => "unlink",
        Action::Merge { .. } => "merge",
        Action::Delete { .. } => "delete",
        Action::Undelete { .. } => "undelete",
        Action::Redact { .. } => "redact",
        Action::MakePrivate { .. } => "make private",
    }
}

/// Lower-case hex SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

impl Log {
    /// An empty log of the story with this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The tickets of one side.
    pub fn side(&self, side: Side) -> &BTreeMap<String, TicketLog> {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<String, TicketLog> {
        match side {
            Side::Source => &mut self.source,
            Side::Target => &mut self.target,
        }
    }

    /// Writes down what the desk would not do.
    pub fn refuse(&mut self, side: Side, action: &Action, answer: &str) {
        self.refusals.push(Refusal { side, deed: kind(action).to_string(), answer: answer.to_string() });
    }

    /// Writes down what was done.
    pub fn record(&mut self, side: Side, who: &Who, action: &Action, done: &Done, at: DateTime<Utc>) {
        self.last += 1;
        let deed = Deed { number: self.last, who, at, message: done.message.clone() };
        *self.deeds.entry(format!("{} {}", side.as_str(), kind(action))).or_default() += 1;
        let id = subject_of(action, done);
        let ticket = self.side_mut(side).entry(id.to_string()).or_insert_with(TicketLog::unknown);
        ticket.take(&deed, action);
    }
}

/// The ticket that was acted on. What is said about a merged ticket may end up in another, and the desk says in which.
fn subject_of<'a>(action: &'a Action, done: &'a Done) -> &'a str {
    match action {
        Action::Open { .. } => &done.ticket,
        Action::Reply { ticket, .. } | Action::Note { ticket, .. } => {
            if done.ticket.is_empty() {
                ticket
            } else {
                &done.ticket
            }
        }
        Action::Set { ticket, .. }
        | Action::Tag { ticket, .. }
        | Action::Link { ticket, .. }
        | Action::Unlink { ticket, .. }
        | Action::Merge { ticket, .. }
        | Action::Delete { ticket }
        | Action::Undelete { ticket }
        | Action::Redact { ticket, .. }
        | Action::MakePrivate { ticket, .. } => ticket,
    }
}

struct Deed<'a> {
    number: u64,
    who: &'a Who,
    at: DateTime<Utc>,
    message: Option<String>,
}

impl TicketLog {
    fn unknown() -> Self {
        Self {
            native: false,
            messages: Vec::new(),
            fields: BTreeMap::new(),
            writes: Vec::new(),
            tags: BTreeSet::new(),
            tags_removed: BTreeSet::new(),
            cc: BTreeSet::new(),
            followers: BTreeSet::new(),
            links: BTreeSet::new(),
            state: TicketState::Present,
        }
    }

    /// It is there: neither deleted nor merged away.
    pub fn is_present(&self) -> bool {
        self.state == TicketState::Present
    }

    /// The one value of a field, if it has exactly one.
    pub fn value(&self, field: &str) -> Option<&str> {
        match self.fields.get(field).map(Vec::as_slice) {
            Some([one]) => Some(one),
            _ => None,
        }
    }

    fn take(&mut self, deed: &Deed<'_>, action: &Action) {
        match action {
            Action::Open { subject, group, text, fields, tags } => {
                self.native = true;
                self.set("subject", std::slice::from_ref(subject), deed);
                self.set("group", std::slice::from_ref(group), deed);
                self.set("requester", std::slice::from_ref(&deed.who.email), deed);
                fields.iter().for_each(|(field, value)| self.set(field, value, deed));
                self.tags.extend(tags.iter().cloned());
                self.say(text, true, deed);
            }
            Action::Reply { text, .. } => self.say(text, true, deed),
            Action::Note { text, .. } => self.say(text, false, deed),
            Action::Set { fields, .. } => fields.iter().for_each(|(field, value)| self.set(field, value, deed)),
            Action::Tag { add, remove, .. } => self.tag(add, remove),
            Action::Link { kind, to, .. } => drop(self.links.insert((kind.clone(), to.clone()))),
            Action::Unlink { kind, to, .. } => drop(self.links.remove(&(kind.clone(), to.clone()))),
            Action::Merge { into, .. } => self.state = TicketState::MergedInto(into.clone()),
            Action::Delete { .. } => self.state = TicketState::Deleted,
            Action::Undelete { .. } => self.state = TicketState::Present,
            Action::Redact { message, words, .. } => self.redact(message, words),
            Action::MakePrivate { message, .. } => self.make_private(message),
        }
    }

    fn set(&mut self, field: &str, value: &[String], deed: &Deed<'_>) {
        let write = FieldWrite { deed: deed.number, field: field.to_string(), value: value.to_vec(), by: deed.who.email.clone() };
        self.writes.push(write);
        match field {
            "cc" => self.cc = value.iter().cloned().collect(),
            "followers" => self.followers = value.iter().cloned().collect(),
            _ => drop(self.fields.insert(field.to_string(), value.to_vec())),
        }
    }

    fn say(&mut self, text: &Text, public: bool, deed: &Deed<'_>) {
        let file = |file: &crate::sim::stage::File| FileView {
            name: file.name.clone(),
            size: file.bytes.len() as u64,
            sha256: sha256(&file.bytes),
            inline: file.inline,
        };
        self.messages.push(MessageLog {
            deed: deed.number,
            id: deed.message.clone(),
            author: deed.who.email.clone(),
            author_name: deed.who.name.clone(),
            public,
            at: deed.at,
            html: text.html,
            body: text.body.clone(),
            files: text.files.iter().map(file).collect(),
            redacted: Vec::new(),
            made_private: false,
        });
    }

    fn tag(&mut self, add: &[String], remove: &[String]) {
        for tag in remove {
            self.tags.remove(tag);
            self.tags_removed.insert(tag.clone());
        }
        for tag in add {
            self.tags_removed.remove(tag);
            self.tags.insert(tag.clone());
        }
    }

    fn message(&mut self, id: &str) -> Option<&mut MessageLog> {
        self.messages.iter_mut().find(|message| message.id.as_deref() == Some(id))
    }

    fn redact(&mut self, id: &str, words: &str) {
        if let Some(message) = self.message(id) {
            message.body = message.body.replace(words, GAP);
            message.redacted.push(words.to_string());
        }
    }

    fn make_private(&mut self, id: &str) {
        if let Some(message) = self.message(id) {
            message.public = false;
            message.made_private = true;
        }
    }
}
