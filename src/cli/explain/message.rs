//! Where each message that we carried comes from.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::desk::Side;
use crate::ledger::history::{EventRecord, History, LinkRecord, WriteRecord};

use super::account::{causes, desk_name, messages_of};

/// Where a message that we carried comes from.
#[derive(Debug, Serialize)]
pub struct MessageStory {
    /// `old desk` or `new desk`: where somebody wrote it.
    pub written_in: &'static str,
    pub old: Option<String>,
    pub new: Option<String>,
    pub visibility: String,
    pub files: usize,
    pub write: Option<i64>,
    pub from_events: Vec<i64>,
    pub at: DateTime<Utc>,
    pub why: String,
}

/// Back to its event and write.
pub fn story(link: &LinkRecord, history: &History) -> MessageStory {
    let original = link.original.to_string();
    let copy = link.copy.as_ref().map(ToString::to_string);
    let born = desk_name(link.born.as_str());
    let carries =
        |write: &&WriteRecord| write.state != "void" && born_in(write) == link.born && messages_of(write).contains(&original);
    let wrote = history.writes.iter().rev().find(carries);
    let why = match wrote.map(|write| write.kind.as_str()) {
        Some("create") => "it travelled with the new ticket",
        Some(_) => "it was added",
        None => "the other desk held it already, under Tidegate's key: it was taken as carried",
    };
    let (old, new) = if link.born == Side::Source { (Some(original), copy) } else { (copy, Some(original)) };
    MessageStory {
        written_in: born,
        old,
        new,
        visibility: link.visibility.clone(),
        files: link.files.len(),
        write: wrote.map(|write| write.id),
        from_events: wrote.map(|write| causes_of_message(write, link, history)).unwrap_or_default(),
        at: link.made_at,
        why: why.to_string(),
    }
}

/// The one event that names the message, where the desk's evidence does; else all that the write was decided from.
fn causes_of_message(write: &WriteRecord, link: &LinkRecord, history: &History) -> Vec<i64> {
    let all = causes(write, history);
    let names = |event: &&EventRecord| all.contains(&event.id) && event.least_stamp.as_deref() == Some(link.original.as_str());
    match history.events.iter().find(names) {
        Some(event) => vec![event.id],
        None => all,
    }
}

/// The desk at which the messages of a write were written.
fn born_in(write: &WriteRecord) -> Side {
    if write.detail["links"][0]["born"] == "target" { Side::Target } else { Side::Source }
}
