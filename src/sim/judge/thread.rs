//! Finds for each message that was written the one in the target that stands for it: by text, files, author and
//! visibility together, strictest first, each target message once. Two equal messages are two.

use std::collections::BTreeSet;

use super::normal::normal;
use super::rules::{Authors, Redaction, Rules, Times};
use crate::sim::snapshot::{FileView, MessageView};
use crate::sim::story::log::{GAP, MessageLog};

/// Most characters of normal form that may stand beside what was written: a line about the author, notes on files.
const BESIDE: usize = 400;

/// Who wrote a message that is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// People at the source: it has to be there, perhaps with a line about its author.
    Source,
    /// An agent of the target: it has to be there as it was written.
    Agent,
    /// The source desk itself (merge comments): it may be there.
    Desk,
}

/// A message that is looked for.
pub(super) struct Wanted<'a> {
    pub origin: Origin,
    /// The source's or target's ticket.
    pub ticket: &'a str,
    pub author: &'a str,
    pub author_name: &'a str,
    pub public: bool,
    pub at: chrono::DateTime<chrono::Utc>,
    pub files: &'a [FileView],
    pub is_redacted: bool,
    /// The normal form, in pieces between redacted words.
    pub pieces: Vec<String>,
    hashes: Vec<&'a str>,
}

/// A message in the target.
pub(super) struct Found<'a> {
    pub ticket: &'a str,
    pub message: &'a MessageView,
    pub normal: String,
    pub hashes: Vec<&'a str>,
}

/// A message and what stands for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    pub wanted: usize,
    pub found: usize,
}

impl<'a> Wanted<'a> {
    /// A message of the story.
    pub fn of(origin: Origin, ticket: &'a str, message: &'a MessageLog) -> Self {
        let pieces = message.body.split(GAP).map(|piece| normal(piece, message.html)).collect();
        Self {
            origin,
            ticket,
            author: &message.author,
            author_name: &message.author_name,
            public: message.public,
            at: message.at,
            files: &message.files,
            is_redacted: !message.redacted.is_empty(),
            pieces,
            hashes: hashes(&message.files),
        }
    }

    /// A message that the source desk wrote on its own.
    pub fn of_desk(ticket: &'a str, message: &'a MessageView) -> Self {
        Self {
            origin: Origin::Desk,
            ticket,
            author: &message.author,
            author_name: "",
            public: message.public,
            at: message.at,
            files: &message.files,
            is_redacted: false,
            pieces: vec![normal(&message.body, message.html)],
            hashes: hashes(&message.files),
        }
    }

    /// What stands in `text` beside the message; `None` if the message is not in it.
    pub fn beside(&self, text: &str) -> Option<String> {
        let mut beside = String::new();
        let mut rest = text;
        for (ordinal, piece) in self.pieces.iter().enumerate() {
            let is_last = ordinal + 1 == self.pieces.len();
            let place =
                if is_last && rest.ends_with(piece.as_str()) { rest.len() - piece.len() } else { rest.find(piece.as_str())? };
            beside.push_str(&rest[..place]);
            rest = &rest[place + piece.len()..];
        }
        beside.push_str(rest);
        let may_stand = if self.origin == Origin::Agent { 0 } else { BESIDE };
        (beside.chars().count() <= may_stand).then_some(beside)
    }

    fn length(&self) -> usize {
        self.pieces.iter().map(String::len).sum()
    }

    /// Whether the target's message has the same files.
    pub fn has_files(&self, found: &Found<'_>) -> bool {
        self.hashes == found.hashes
    }

    /// Whether the target's message says, as agreed, who wrote it.
    pub fn has_author(&self, found: &Found<'_>, rules: &Rules) -> bool {
        if self.origin == Origin::Agent {
            return found.message.author.eq_ignore_ascii_case(self.author);
        }
        let is_kept = || rules.person(self.author).is_some_and(|who| found.message.author.eq_ignore_ascii_case(who));
        let is_said = || {
            let beside = self.beside(&found.normal).unwrap_or_else(|| found.normal.clone());
            let names = [normal(self.author, false), normal(self.author_name, false)];
            names.iter().any(|name| !name.is_empty() && beside.contains(name.as_str()))
        };
        match rules.authors {
            Authors::Kept => is_kept(),
            Authors::Said => is_said(),
            Authors::KeptOrSaid => is_kept() || is_said(),
        }
    }
}

impl<'a> Found<'a> {
    pub fn of(ticket: &'a str, message: &'a MessageView) -> Self {
        Self { ticket, message, normal: normal(&message.body, message.html), hashes: hashes(&message.files) }
    }
}

fn hashes(files: &[FileView]) -> Vec<&str> {
    let mut hashes: Vec<&str> = files.iter().map(|file| file.sha256.as_str()).collect();
    hashes.sort_unstable();
    hashes
}

/// What has to be the same for a message to stand for another.
struct Pass {
    text: Words,
    files: bool,
    author: bool,
    public: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Words {
    All,
    Most,
    Any,
}

const PASSES: [Pass; 8] = [
    Pass { text: Words::All, files: true, author: true, public: true },
    Pass { text: Words::All, files: true, author: true, public: false },
    Pass { text: Words::All, files: true, author: false, public: true },
    Pass { text: Words::All, files: true, author: false, public: false },
    Pass { text: Words::All, files: false, author: true, public: false },
    Pass { text: Words::All, files: false, author: false, public: false },
    Pass { text: Words::Most, files: true, author: true, public: false },
    Pass { text: Words::Any, files: true, author: true, public: true },
];

/// Pairs messages with what stands for them, and tells which of the target's are left over.
pub(super) fn align(wanted: &[Wanted<'_>], found: &[Found<'_>], rules: &Rules) -> (Vec<Match>, BTreeSet<usize>) {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|at| (rank(wanted[*at].origin), std::cmp::Reverse(wanted[*at].length())));
    let mut left: BTreeSet<usize> = (0..found.len()).collect();
    let mut matches = Vec::new();
    for pass in &PASSES {
        order.retain(|at| {
            let best = best(&wanted[*at], found, &left, pass, rules);
            if let Some(found) = best {
                left.remove(&found);
                matches.push(Match { wanted: *at, found });
            }
            best.is_none()
        });
    }
    matches.sort_by_key(|one| one.wanted);
    (matches, left)
}

fn rank(origin: Origin) -> u8 {
    match origin {
        Origin::Agent => 0,
        Origin::Source => 1,
        Origin::Desk => 2,
    }
}

fn best(wanted: &Wanted<'_>, found: &[Found<'_>], left: &BTreeSet<usize>, pass: &Pass, rules: &Rules) -> Option<usize> {
    let keeps_time = matches!(rules.times, Times::Kept | Times::KeptOrSaid);
    let apart = |at: usize| if keeps_time { (wanted.at - found[at].message.at).num_seconds().abs() } else { 0 };
    let fitting = left.iter().filter_map(|at| Some((distance(wanted, &found[*at], pass, rules)?, apart(*at), *at)));
    fitting.min().map(|(.., at)| at)
}

/// How much stands beside the message, if it fits.
fn distance(wanted: &Wanted<'_>, found: &Found<'_>, pass: &Pass, rules: &Rules) -> Option<usize> {
    let is_out = (pass.public && wanted.public != found.message.public) || (pass.files && !wanted.has_files(found));
    if is_out || (wanted.origin == Origin::Desk && pass.text != Words::All) {
        return None;
    }
    let beside = match pass.text {
        Words::All => wanted.beside(&found.normal)?.len(),
        Words::Most => (shared_words(wanted, found) * 2 >= wanted.length()).then_some(0)?,
        Words::Any => may_be_replaced(wanted, found, rules).then_some(0)?,
    };
    (!pass.author || wanted.has_author(found, rules)).then_some(beside)
}

/// The length of the longest beginning and end that both have, together.
fn shared_words(wanted: &Wanted<'_>, found: &Found<'_>) -> usize {
    let text = wanted.pieces.concat();
    let half = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= text.len() / 2).last().unwrap_or(0);
    let (head, tail) = text.split_at(half);
    let has = |part: &str| if !part.is_empty() && found.normal.contains(part) { part.len() } else { 0 };
    has(head) + has(tail)
}

fn may_be_replaced(wanted: &Wanted<'_>, found: &Found<'_>, rules: &Rules) -> bool {
    wanted.is_redacted && rules.redaction == Redaction::Message && found.normal.chars().count() <= BESIDE
}
