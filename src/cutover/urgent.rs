//! The open tickets at a switch, by the next moment at which a promise is broken.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::connectors::contract::Connector;
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::desk::survey::Told;
use crate::desk::ticket::Due;
use crate::ledger::account::OpenTicket;
use crate::ledger::{self, Ledger};
use crate::mirror::{MirrorId, PairId};

/// Open tickets that are asked about at once: full calls at every desk.
const PAGE: i64 = 1_000;

/// One open ticket with a promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Urgent {
    pub old: TicketId,
    pub new: TicketId,
    pub at: DateTime<Utc>,
    /// In the desk's words.
    pub what: String,
}

/// The open tickets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Open {
    /// The most urgent first.
    pub urgent: Vec<Urgent>,
    /// How many open tickets there are; each was asked about.
    pub asked: usize,
    /// Why the desk cannot tell what is due, a sentence; then `latest` stands instead.
    pub untold: Option<String>,
    /// Old and new numbers of the open tickets, those first at which something happened last.
    pub latest: Vec<(TicketId, TicketId)>,
}

impl Open {
    /// The list, or why there is none in its place.
    pub fn or_why(open: Result<Open, Unlisted>) -> Open {
        open.unwrap_or_else(|why| Open { untold: Some(why.to_string()), ..Open::default() })
    }

    /// As people read it, the first `most` tickets; `all` is the command that shows the others.
    pub fn lines(&self, most: usize, all: &str) -> Vec<String> {
        let (head, tickets): (String, Vec<String>) = match &self.untold {
            Some(why) if self.latest.is_empty() => {
                (format!("What is due next in the open tickets is not known: {why}"), Vec::new())
            }
            Some(why) => (
                format!(
                    "What is due next is not known: {why}. The {} open tickets, those first at which something happened last:",
                    self.asked
                ),
                self.latest.iter().map(|(old, new)| format!("  old {old}, new {new}")).collect(),
            ),
            None if self.urgent.is_empty() => (format!("Nothing is due in the {} open tickets.", self.asked), Vec::new()),
            None => (
                format!("Open tickets by what is due next ({} more have nothing due):", self.asked - self.urgent.len()),
                self.urgent.iter().map(Urgent::line).collect(),
            ),
        };
        let more = tickets.len().saturating_sub(most);
        let more = (more > 0).then(|| format!("  … and {more} more: {all}"));
        std::iter::once(head).chain(tickets.into_iter().take(most)).chain(more).collect()
    }
}

impl Urgent {
    fn line(&self) -> String {
        format!("  {}  old {}, new {}: {}", self.at.format("%F %T UTC"), self.old, self.new, self.what)
    }
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum Unlisted {
    #[error(transparent)]
    Desk(#[from] Fault),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

/// Asks the desk that led, whose clocks ran, about every open ticket: those of the other began with the copy, if at all. `windows`: only
/// their tickets.
pub async fn open(
    ledger: &Ledger,
    mirror: MirrorId,
    windows: Option<&[i64]>,
    (led, desk): (Side, &dyn Connector),
) -> Result<Open, Unlisted> {
    let (mut found, mut untold) = (Open::default(), None);
    let (mut latest, mut after) = (Vec::new(), PairId(0));
    let done = desk.capabilities().final_statuses;
    loop {
        let page = ledger.open_tickets(mirror, windows, (led, done), (after, PAGE)).await?;
        let Some(last) = page.last() else { break };
        after = last.pair;
        found.asked += page.len();
        if untold.is_none() {
            match due(&page, led, desk).await? {
                Told::Known(due) => found.urgent.extend(due),
                Told::CannotTell(why) => untold = Some(why),
            }
        }
        latest.extend(page);
    }
    found.urgent.sort_by(|a, b| (a.at, &a.old).cmp(&(b.at, &b.old)));
    if untold.is_some() {
        latest.sort_by_key(|ticket| Reverse(ticket.read_at));
        let latest = latest.into_iter().map(|ticket| (ticket.old, ticket.new)).collect();
        return Ok(Open { asked: found.asked, untold, latest, ..Open::default() });
    }
    Ok(found)
}

async fn due(page: &[OpenTicket], led: Side, desk: &dyn Connector) -> Result<Told<Vec<Urgent>>, Fault> {
    let there = |ticket: &OpenTicket| if led == Side::Source { ticket.old.clone() } else { ticket.new.clone() };
    let tickets: BTreeMap<TicketId, &OpenTicket> = page.iter().map(|ticket| (there(ticket), ticket)).collect();
    let ids: Vec<TicketId> = tickets.keys().cloned().collect();
    let all = match desk.due(&ids).await? {
        Told::Known(all) => all,
        Told::CannotTell(why) => return Ok(Told::CannotTell(why)),
    };
    let urgent = |due: Due| {
        let ticket = tickets.get(&due.ticket)?;
        Some(Urgent { old: ticket.old.clone(), new: ticket.new.clone(), at: due.at, what: due.what })
    };
    Ok(Told::Known(all.into_iter().filter_map(urgent).collect()))
}
