//! What people do by hand at a switch, in the words of both desks, and how a test message proves where a channel ends.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::change::Cursor;
use crate::clock::delta;
use crate::connectors::contract::{Connector, Read};
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::capability::{ByHand, Capabilities};
use crate::desk::field::FieldKey;
use crate::desk::id::TicketId;
use crate::desk::ticket::Ticket;
use crate::ledger::tick::Tick;

use super::gate::desk_name;

/// How our keys begin, at any mirror: such a ticket did not come in by itself.
const OURS: &str = "tidegate:";
/// Pages that one look reads at most.
const PAGES: usize = 50;
/// A desk's clock may be so far behind ours.
const CLOCKS: Duration = Duration::from_secs(300);

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    pub name: &'static str,
    pub what: &'static str,
    /// A test message shows whether it was done.
    pub is_channel: bool,
    pub done: Option<Tick>,
}

/// The list for a switch: what is done at the desk that begins to lead, then what is done at the other.
pub fn items(leads: &Capabilities, follows: &Capabilities, ticks: &[Tick]) -> Vec<Item> {
    let all = leads.begins.iter().chain(follows.ends);
    let item = |one: &ByHand| Item {
        name: one.name,
        what: one.what,
        is_channel: one.is_channel,
        done: ticks.iter().find(|tick| tick.item == one.name).cloned(),
    };
    all.map(item).collect()
}

impl Item {
    /// As a person reads it.
    pub fn line(&self) -> String {
        match &self.done {
            None => format!("  [ ] {}: {}", self.name, self.what),
            Some(Tick { who, at, evidence, .. }) => {
                let shown = evidence.as_deref().map(|evidence| format!(": {evidence}")).unwrap_or_default();
                format!("  [x] {}: {} ({who}, {}{shown})", self.name, self.what, at.format("%F %T UTC"))
            }
        }
    }
}

/// Where a test message arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    pub side: Side,
    pub ticket: TicketId,
    pub at: DateTime<Utc>,
}

impl Arrived {
    /// What shows it, in words.
    pub fn evidence(&self, code: &str) -> String {
        let Arrived { side, ticket, at } = self;
        format!("the message {code} arrived as ticket {ticket} of the {} desk at {}", desk_name(*side), at.format("%F %T UTC"))
    }
}

/// Looks out for a ticket with a code in its subject that nobody else has, in both desks' own lists of changes.
pub struct Lookout<'a> {
    code: &'a str,
    ends: [End<'a>; 2],
}

/// What of a desk was looked at.
struct End<'a> {
    side: Side,
    desk: &'a dyn Connector,
    cursor: Cursor,
}

impl<'a> Lookout<'a> {
    /// For messages sent from now on.
    pub fn new(source: &'a dyn Connector, target: &'a dyn Connector, code: &'a str, now: DateTime<Utc>) -> Self {
        let end = |side, desk: &'a dyn Connector| End { side, desk, cursor: desk.cursor_at(now - delta(CLOCKS)) };
        Self { code, ends: [end(Side::Source, source), end(Side::Target, target)] }
    }

    /// Reads what is new at each desk. Copies that we made of it do not count. Errors: a desk that could not be asked; the next look goes on
    /// where this one was.
    pub async fn look(&mut self, now: DateTime<Utc>) -> Result<Option<Arrived>, (Side, Fault)> {
        let mut trouble = None;
        for end in &mut self.ends {
            match end.look(self.code, now).await {
                Ok(None) => {}
                Ok(arrived) => return Ok(arrived),
                Err(fault) => trouble = Some((end.side, fault)),
            }
        }
        trouble.map_or(Ok(None), Err)
    }
}

impl End<'_> {
    async fn look(&mut self, code: &str, now: DateTime<Utc>) -> Result<Option<Arrived>, Fault> {
        for _ in 0..PAGES {
            let page = self.desk.changes(&self.cursor, now).await?;
            let mut arrived = None;
            for hint in page.hints {
                if let Read::Found(ticket) = self.desk.read(&hint.ticket, None).await?
                    && is_it(&ticket, code)
                {
                    arrived = Some(Arrived { side: self.side, ticket: ticket.id, at: ticket.created_at });
                }
            }
            // Not before every ticket of it was read: one that could not be read is asked for again.
            self.cursor = page.next;
            if arrived.is_some() || !page.more {
                return Ok(arrived);
            }
        }
        Ok(None)
    }
}

fn is_it(ticket: &Ticket, code: &str) -> bool {
    let named = ticket.fields.get(&FieldKey::Subject).is_some_and(|words| words.to_string().contains(code));
    let ours = ticket.key.as_ref().is_some_and(|key| key.starts_with(OURS));
    named && !ours
}
