//! One ticket as both desks have it, side by side, for people. Judges nothing: that is the check's business.

use std::collections::BTreeSet;

use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::{MessageId, PersonId};
use crate::desk::mapping::Mapping;
use crate::desk::ticket::{Attachment, Message, Ticket, Visibility};
use crate::ledger::check::MessageRecord;

use super::words::words as spelled;

/// Characters of a column; longer values are cut.
const WIDTH: usize = 44;
const NAME: usize = 24;

/// The lines of one pair: pages, fields, messages with their files.
pub fn lines(old: &Ticket, new: &Ticket, mapping: &Mapping, linked: &[MessageRecord]) -> Vec<String> {
    let mut lines = vec![format!("  old  {}", old.url), format!("  new  {}", new.url)];
    lines.push(row("", "OLD", "NEW"));
    lines.extend(fields(old, new, mapping));
    lines.extend(messages(old, new, linked));
    let links = |ticket: &Ticket| ticket.links.iter().map(|link| format!("{:?} {}", link.kind, link.to)).collect::<Vec<_>>();
    if !old.links.is_empty() || !new.links.is_empty() {
        lines.push(row("links", &links(old).join(", "), &links(new).join(", ")));
    }
    lines
}

fn row(name: &str, old: &str, new: &str) -> String {
    format!("    {}  {}  {}", column(name, NAME), column(old, WIDTH), cut(new, WIDTH)).trim_end().to_string()
}

fn column(text: &str, width: usize) -> String {
    let text = cut(text, width);
    format!("{text}{}", " ".repeat(width.saturating_sub(text.chars().count())))
}

/// On one line, and not longer than `width` characters.
fn cut(text: &str, width: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= width {
        return line;
    }
    line.chars().take(width - 1).chain(['…']).collect()
}

fn fields(old: &Ticket, new: &Ticket, mapping: &Mapping) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left: Vec<String> = Vec::new();
    let mut told: BTreeSet<&FieldKey> = BTreeSet::new();
    for (key, value) in &old.fields {
        match mapping.field(key) {
            Some(there) => {
                told.insert(there);
                let held = new.fields.get(there);
                if *value != Value::Empty || held.is_some_and(|held| *held != Value::Empty) {
                    let name = if there == key { key.to_string() } else { format!("{key} > {there}") };
                    let held = held.map_or_else(|| "(not shown)".to_string(), |held| words(new, held));
                    lines.push(row(&name, &words(old, value), &held));
                }
            }
            None if *value != Value::Empty => left.push(key.to_string()),
            None => {}
        }
    }
    let own = new.fields.iter().filter(|(key, value)| !told.contains(key) && **value != Value::Empty);
    lines.extend(own.map(|(key, value)| row(&key.to_string(), "", &words(new, value))));
    if !left.is_empty() {
        lines.push(format!("    not carried: {}", left.join(", ")));
    }
    lines
}

/// A value with people by name.
fn words(ticket: &Ticket, value: &Value) -> String {
    match value {
        Value::Person(_) | Value::People(_) => {
            value.persons().into_iter().map(|person| name(ticket, person)).collect::<Vec<_>>().join(", ")
        }
        Value::Empty => "-".to_string(),
        value => value.to_string(),
    }
}

fn name(ticket: &Ticket, person: &PersonId) -> String {
    ticket.person(person).map_or_else(|| person.to_string(), |person| person.name.clone())
}

fn messages(old: &Ticket, new: &Ticket, linked: &[MessageRecord]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut shown: BTreeSet<&MessageId> = BTreeSet::new();
    for (number, message) in old.messages.iter().enumerate() {
        let target = linked.iter().find_map(|record| match record.born {
            Side::Source => record.copy.as_ref().filter(|_| record.original == message.id),
            Side::Target => Some(&record.original).filter(|_| record.copy.as_ref() == Some(&message.id)),
        });
        let there = target.and_then(|target| new.messages.iter().find(|message| message.id == *target));
        shown.extend(there.map(|message| &message.id));
        lines.extend(pair(&format!("message {}", number + 1), (old, Some(message)), (new, there)));
    }
    for message in new.messages.iter().filter(|message| !shown.contains(&message.id)) {
        lines.extend(pair("message, only new", (old, None), (new, Some(message))));
    }
    lines
}

fn pair(name: &str, old: (&Ticket, Option<&Message>), new: (&Ticket, Option<&Message>)) -> Vec<String> {
    let head =
        |(ticket, message): (&Ticket, Option<&Message>)| message.map_or_else(|| "-".to_string(), |message| head(ticket, message));
    let text = |message: Option<&Message>| message.map(|message| spelled(&message.body)).unwrap_or_default();
    let files = |message: Option<&Message>| message.map(|message| message.attachments.as_slice()).unwrap_or_default().to_vec();
    let mut lines = vec![row(name, &head(old), &head(new)), row("", &text(old.1), &text(new.1))];
    let (here, there) = (files(old.1), files(new.1));
    for place in 0..here.len().max(there.len()) {
        let file = |files: &[Attachment]| files.get(place).map_or_else(|| "-".to_string(), file);
        lines.push(row("  file", &file(&here), &file(&there)));
    }
    lines
}

fn head(ticket: &Ticket, message: &Message) -> String {
    let visibility = if message.visibility == Visibility::Public { "public" } else { "internal" };
    format!("{} {visibility}, {}", message.created_at.format("%Y-%m-%d %H:%M:%S"), name(ticket, &message.author))
}

fn file(file: &Attachment) -> String {
    match file.size {
        Some(size) => format!("{} ({size} bytes)", file.name),
        None => format!("{} (size not told)", file.name),
    }
}
