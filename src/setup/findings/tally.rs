//! Counting what is found on the data: how often, in how many tickets, in which for example.

use std::collections::{BTreeMap, BTreeSet};

use crate::desk::id::TicketId;

use super::finding::{Finding, many, slug};
use super::trap::Trap;

/// Tickets that are named of each finding.
const NAMED: usize = 5;
/// Words that are kept of each finding.
const KEPT: usize = 50;
/// Words that are told in a sentence.
const SAID: usize = 12;

/// What was found so far.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<(&'static str, String), Count>,
}

#[derive(Debug)]
struct Count {
    trap: &'static Trap,
    tickets: BTreeSet<TicketId>,
    times: u64,
    /// What is counted besides tickets: `message`, `file`.
    thing: &'static str,
    values: BTreeSet<String>,
    limit: String,
}

/// One thing found.
pub struct Found<'a> {
    pub trap: &'static Trap,
    /// The field, or what else the trap is about; part of the finding's name.
    pub of: &'a str,
    pub ticket: &'a TicketId,
    /// A word that an admin knows; never a customer's.
    pub value: Option<&'a str>,
    pub limit: String,
    pub thing: &'static str,
}

impl<'a> Found<'a> {
    /// In one ticket.
    pub fn new(trap: &'static Trap, of: &'a str, ticket: &'a TicketId) -> Self {
        Self { trap, of, ticket, value: None, limit: String::new(), thing: "message" }
    }

    /// With a word.
    pub fn value(self, value: &'a str) -> Self {
        Self { value: Some(value), ..self }
    }

    /// With a word, if it may be told.
    pub fn shown(self, may: bool, value: &'a str) -> Self {
        if may { self.value(value) } else { self }
    }

    /// With what the target takes.
    pub fn limit(self, limit: impl ToString) -> Self {
        Self { limit: limit.to_string(), ..self }
    }

    /// A file, not a message.
    pub fn file(self) -> Self {
        Self { thing: "file", ..self }
    }
}

impl Tally {
    /// Counts it.
    pub fn note(&mut self, found: Found<'_>) {
        let count = self.counts.entry((found.trap.name, found.of.to_string())).or_insert_with(|| Count {
            trap: found.trap,
            tickets: BTreeSet::new(),
            times: 0,
            thing: found.thing,
            values: BTreeSet::new(),
            limit: found.limit,
        });
        count.tickets.insert(found.ticket.clone());
        count.times += 1;
        if count.values.len() < KEPT {
            count.values.extend(found.value.map(str::to_string));
        }
    }

    /// The fields that something was found of.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.counts.keys().map(|(_, field)| field.as_str()).filter(|field| !field.is_empty())
    }

    /// Every finding; two fields whose names are spelled alike are told apart by a number.
    pub fn findings(&self) -> Vec<Finding> {
        let mut names: BTreeMap<String, u32> = BTreeMap::new();
        let named = self.counts.iter().map(|((name, of), count)| {
            let plain = if of.is_empty() { (*name).to_string() } else { format!("{name}-{}", slug(of)) };
            let seen = names.entry(plain.clone()).or_default();
            *seen += 1;
            let name = if *seen == 1 { plain } else { format!("{plain}-{seen}") };
            count.finding(name, of)
        });
        named.collect()
    }
}

impl Count {
    fn finding(&self, name: String, of: &str) -> Finding {
        let count = self.tickets.len() as u64;
        let values: Vec<String> = self.values.iter().cloned().collect();
        let what = self.trap.what.replace("{times}", &many(self.times, self.thing)).replace("{n}", &many(count, "ticket"));
        let what = what.replace("{of}", of).replace("{limit}", &self.limit).replace("{values}", &said(&values));
        Finding {
            name,
            severity: self.trap.severity,
            what: sentence(&what),
            cure: self.trap.cure.to_string(),
            count,
            values,
            tickets: some(&self.tickets),
        }
    }
}

/// With a capital and a full stop.
pub fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", letters.as_str())
}

/// The first by number, so that two checks of one desk name the same.
fn some(tickets: &BTreeSet<TicketId>) -> Vec<String> {
    let mut all: Vec<&TicketId> = tickets.iter().collect();
    all.sort_by_key(|id| (id.as_str().len(), id.as_str()));
    all.into_iter().take(NAMED).map(TicketId::to_string).collect()
}

/// Words in a sentence, not too many of them.
pub fn said(words: &[String]) -> String {
    if words.is_empty() {
        return "(not shown here)".to_string();
    }
    let shown: Vec<&str> = words.iter().take(SAID).map(|word| if word.is_empty() { "(empty)" } else { word }).collect();
    let more = words.len().saturating_sub(SAID);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}
