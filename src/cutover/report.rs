//! What a check found, for people and as JSON.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::desk::field::{FieldKey, Value};
use crate::desk::id::{MessageId, TicketId};
use crate::desk::ticket::Link;
use crate::ledger::accepted::Accepted;

/// So many differences are in a report about all kinds; all are counted.
pub const KEPT: usize = 2_000;
/// So many differences of one kind of one ticket are kept with their values; all are counted.
pub const KEPT_OF_ONE: u64 = 100;
/// So many are shown to people.
const SHOWN: usize = 20;

/// What a difference is about; the worse come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// More people can read something at the target than at the source.
    Exposed,
    /// A source ticket without a target ticket.
    MissingTicket,
    MissingMessage,
    /// A ticket or message that is there twice, or once where it has no place.
    Doubled,
    Words,
    File,
    /// Fewer people can read something at the target than at the source, and nobody there made it so.
    Hidden,
    Author,
    Time,
    Field,
    Link,
    /// Deleted or merged at one side only.
    Presence,
    /// The target ticket carries the key of another ticket.
    Key,
}

impl Kind {
    /// Every kind, the worst first.
    pub const ALL: [Kind; 13] = [
        Kind::Exposed,
        Kind::MissingTicket,
        Kind::MissingMessage,
        Kind::Doubled,
        Kind::Words,
        Kind::File,
        Kind::Hidden,
        Kind::Author,
        Kind::Time,
        Kind::Field,
        Kind::Link,
        Kind::Presence,
        Kind::Key,
    ];

    /// From the word for people.
    pub fn of(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The word in the ledger, as it stands in a [`Difference`].
    pub fn stored(self) -> &'static str {
        match self {
            Kind::Exposed => "exposed",
            Kind::MissingTicket => "missing_ticket",
            Kind::MissingMessage => "missing_message",
            Kind::Doubled => "doubled",
            Kind::Words => "words",
            Kind::File => "file",
            Kind::Hidden => "hidden",
            Kind::Author => "author",
            Kind::Time => "time",
            Kind::Field => "field",
            Kind::Link => "link",
            Kind::Presence => "presence",
            Kind::Key => "key",
        }
    }

    /// The word for people, and by which the report counts.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Exposed => "exposed",
            Kind::MissingTicket => "missing ticket",
            Kind::MissingMessage => "missing message",
            Kind::Doubled => "doubled",
            Kind::Words => "words",
            Kind::File => "file",
            Kind::Hidden => "hidden",
            Kind::Author => "author",
            Kind::Time => "time",
            Kind::Field => "field",
            Kind::Link => "link",
            Kind::Presence => "deleted or merged",
            Kind::Key => "key",
        }
    }

    /// What an operator does about it.
    pub fn advice(self) -> &'static str {
        match self {
            Kind::Exposed => "hide or remove the message in the new desk by hand, now",
            Kind::MissingTicket | Kind::MissingMessage => {
                "look at `tidegate parked list`; if nothing is parked, run `tidegate backfill` again and report this"
            }
            Kind::Doubled => {
                "delete what is there once too often (of two tickets the one without newer answers), and report this"
            }
            Kind::Words | Kind::File => {
                "compare both tickets by eye: the old desk's words are right unless an agent changed the new one's"
            }
            Kind::Hidden => "make the message public in the new desk by hand, or say it once more",
            Kind::Author | Kind::Time => "look whether the account that writes may set authors and times",
            Kind::Field => "set the field by hand in one of both desks, or correct the mapping",
            Kind::Link => "link both tickets by hand in the new desk",
            Kind::Presence => "do by hand in the new desk what was done in the old one, or undo it there",
            Kind::Key => "two mirrors or a person changed our key: find out which ticket it belongs to before anything else",
        }
    }
}

/// What the gateway itself can do about a difference when it is told to (`--repair`).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Remedy {
    /// Nothing: no desk lets a gateway do it, or only a person can tell what is right.
    #[default]
    ByHand,
    /// Look at the ticket again: what is not there yet is carried.
    Look,
    /// Write a field of the target, by the source's key, as long as it holds what was seen.
    Write { field: FieldKey, held: Value, value: Value },
    /// Send a message again that is not there any more.
    Say { message: MessageId },
    /// Hide a message again that people can read.
    Hide { message: MessageId },
    /// Make a link again that is not there any more; as the source has it.
    Link { link: Link },
}

/// One thing in which both desks differ without a record that explains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub kind: Kind,
    pub source_ticket: Option<String>,
    pub target_ticket: Option<String>,
    /// In words: which field, which message, what about it.
    pub what: String,
    /// At most some 120 characters of each side.
    pub source: String,
    pub target: String,
    #[serde(default)]
    pub remedy: Remedy,
}

/// A ticket that no verdict was given on, by its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unjudged {
    pub source_ticket: Option<String>,
    pub target_ticket: Option<String>,
    pub why: String,
}

/// Differences of one kind that somebody accepted at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// The kind's word for people.
    pub kind: String,
    pub tickets: u64,
    pub differences: u64,
    pub who: String,
    pub why: String,
    pub at: DateTime<Utc>,
}

impl Acceptance {
    /// What was accepted, and how often.
    pub fn what(&self) -> String {
        format!("{} ({} tickets, {} differences)", self.kind, self.tickets, self.differences)
    }

    /// Who accepted it, when and why.
    pub fn by(&self) -> String {
        format!("{}, {}: {}", self.who, self.at.format("%Y-%m-%d %H:%M:%S UTC"), self.why)
    }

    fn line(&self) -> String {
        format!("accepted: {}, by {}", self.what(), self.by())
    }
}

impl From<Accepted> for Acceptance {
    fn from(Accepted { kind, tickets, differences, word }: Accepted) -> Self {
        let known = Kind::ALL.into_iter().find(|one| one.stored() == kind).map(|kind| kind.word().to_string());
        Self { kind: known.unwrap_or(kind), tickets, differences, who: word.who, why: word.reason, at: word.at }
    }
}

impl Unjudged {
    /// A ticket by its numbers in the source and in the target.
    pub fn of([source, target]: [Option<TicketId>; 2], why: String) -> Self {
        let number = |id: Option<TicketId>| id.map(|id| id.to_string());
        Self { source_ticket: number(source), target_ticket: number(target), why }
    }
}

/// What is known of a mirror after a check: the verdicts that stand, from this check and from those before.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub started_at: DateTime<Utc>,
    pub finished_at: DateTime<Utc>,
    /// Only some tickets were looked at, spread over all.
    pub sampled: bool,
    /// It went on where an earlier process was stopped.
    pub resumed: bool,
    /// Tickets that were read by this check; the verdicts on all others stand from before.
    pub read: u64,
    /// All tickets of the mirror, or of the sample: equal, explained, moving, different, unread and stale together, and strays.
    pub tickets: u64,
    pub equal: u64,
    /// Tickets that differ, but only by what records or the target's own history explain, or what the target cannot hold.
    pub explained: u64,
    /// Tickets that changed faster than they could be compared.
    pub moving: Vec<Unjudged>,
    pub different: u64,
    /// Tickets that differ in nothing but what somebody accepted; their differences are not among the others.
    pub accepted: u64,
    /// What was accepted, by whom and why.
    pub acceptances: Vec<Acceptance>,
    /// Probe tickets of ours, which are left out of all this.
    pub probes: u64,
    /// Tickets that a desk did not let us read.
    pub unread: Vec<Unjudged>,
    /// Tickets of which something was heard since they were compared, or that were never compared.
    pub stale: u64,
    /// How often each explanation was needed.
    pub explanations: BTreeMap<String, u64>,
    /// How often something was forgiven because the target has no place for it.
    pub forgiven: BTreeMap<String, u64>,
    /// Fields that hold something at the source and that the target does not have, by tickets.
    pub not_compared: BTreeMap<String, u64>,
    pub messages: u64,
    /// Pairs of files whose bytes were read at both sides and found the same, and their bytes.
    pub attachments: u64,
    pub bytes: u64,
    /// How many differences of each kind.
    pub kinds: BTreeMap<String, u64>,
    /// The worst first; no more than [`KEPT`] unless one kind was asked for.
    pub differences: Vec<Difference>,
    /// Questions asked of the desks, by kind.
    pub calls: BTreeMap<String, u64>,
}

impl Report {
    /// Nothing compared yet.
    pub fn begin(now: DateTime<Utc>) -> Self {
        Self {
            started_at: now,
            finished_at: now,
            sampled: false,
            resumed: false,
            read: 0,
            tickets: 0,
            equal: 0,
            explained: 0,
            moving: Vec::new(),
            different: 0,
            accepted: 0,
            acceptances: Vec::new(),
            probes: 0,
            unread: Vec::new(),
            stale: 0,
            explanations: BTreeMap::new(),
            forgiven: BTreeMap::new(),
            not_compared: BTreeMap::new(),
            messages: 0,
            attachments: 0,
            bytes: 0,
            kinds: BTreeMap::new(),
            differences: Vec::new(),
            calls: BTreeMap::new(),
        }
    }

    /// Both sides say the same wherever nothing explains why not, and every ticket that was looked at got its verdict.
    pub fn at_parity(&self) -> bool {
        self.different == 0 && self.stale == 0 && self.moving.is_empty() && self.unread.is_empty()
    }

    /// For people: the verdict, the worst first, then the figures.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.verdict()];
        lines.extend(self.shown(SHOWN, self.kinds.values().sum(), "`--kind KIND` shows all of a kind"));
        lines.extend(unjudged("moving", &self.moving, "they changed while they were compared: check again"));
        lines.extend(unjudged("unread", &self.unread, "a desk did not let us read them"));
        if self.stale > 0 {
            lines.push(format!("stale ({}): something was heard of them since they were compared: check again", self.stale));
        }
        lines.extend(self.acceptances.iter().map(Acceptance::line));
        lines.extend(self.figures());
        lines
    }

    /// For people, of a report that was asked for this kind: the verdict, then each difference.
    pub fn lines_of(&self, kind: Kind) -> Vec<String> {
        let about_more = format!("no more than {KEPT_OF_ONE} of one ticket are kept with their values");
        let mut lines = vec![self.verdict()];
        lines.extend(self.shown(usize::MAX, self.count(kind), &about_more));
        lines
    }

    fn verdict(&self) -> String {
        let sample = if self.sampled { " (a sample)" } else { "" };
        let counts = format!(
            "{} tickets{sample}: {} equal, {} explained, {} moving, {} different, {} unread, {} stale",
            self.tickets,
            self.equal,
            self.explained,
            self.moving.len(),
            self.different,
            self.unread.len(),
            self.stale
        );
        let accepted = if self.accepted > 0 { format!(", {} different and accepted", self.accepted) } else { String::new() };
        format!("{} {counts}{accepted}", if self.at_parity() { "At parity." } else { "Not at parity." })
    }

    fn count(&self, kind: Kind) -> u64 {
        self.kinds.get(kind.word()).copied().unwrap_or(0)
    }

    /// Up to `most` of all these.
    fn shown(&self, most: usize, all: u64, about_more: &str) -> Vec<String> {
        let mut lines = Vec::new();
        let mut advised = None;
        for difference in self.differences.iter().take(most) {
            if advised != Some(difference.kind) {
                let (word, count) = (difference.kind.word(), self.count(difference.kind));
                lines.push(format!("{word} ({count}): {}", difference.kind.advice()));
                advised = Some(difference.kind);
            }
            lines.push(difference.line());
        }
        let more = all.saturating_sub(self.differences.len().min(most) as u64);
        if more > 0 {
            lines.push(format!("  … and {more} more; {about_more}"));
        }
        lines
    }

    fn figures(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.explanations.iter().map(|(reason, count)| format!("explained {count} times: {reason}")).collect();
        lines.extend(self.forgiven.iter().map(|(reason, count)| format!("forgiven {count} times: {reason}")));
        let fields = self.not_compared.iter().map(|(field, count)| format!("{field} ({count})")).collect::<Vec<_>>();
        if !fields.is_empty() {
            lines.push(format!("forgiven, the new desk has no such field: {} (tickets)", fields.join(", ")));
        }
        if self.probes > 0 {
            lines.push(format!("{} probe tickets of ours are left out", self.probes));
        }
        let calls: u64 = self.calls.values().sum();
        lines.push(format!(
            "{} tickets were read now; compared {} messages, {} files byte by byte ({} bytes), with {calls} questions to the desks in {} s",
            self.read,
            self.messages,
            self.attachments,
            self.bytes,
            (self.finished_at - self.started_at).num_seconds()
        ));
        lines
    }
}

impl Difference {
    fn line(&self) -> String {
        let tickets = numbers(self.source_ticket.as_deref(), self.target_ticket.as_deref());
        let values = match (self.source.as_str(), self.target.as_str()) {
            ("", "") => String::new(),
            (source, target) => format!(": source `{source}`, target `{target}`"),
        };
        format!("  {tickets}: {}{values}", self.what)
    }
}

/// A ticket by its numbers in both desks.
fn numbers(source: Option<&str>, target: Option<&str>) -> String {
    let named = [("source", source), ("target", target)].into_iter().filter_map(|(side, id)| Some(format!("{side} {}", id?)));
    named.collect::<Vec<_>>().join(" → ")
}

fn unjudged(word: &str, tickets: &[Unjudged], why: &str) -> Vec<String> {
    if tickets.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("{word} ({}): {why}", tickets.len())];
    let named = |one: &Unjudged| numbers(one.source_ticket.as_deref(), one.target_ticket.as_deref());
    lines.extend(tickets.iter().take(SHOWN / 4).map(|ticket| format!("  {}: {}", named(ticket), ticket.why)));
    lines
}
