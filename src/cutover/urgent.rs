//! The open tickets at a switch, by the next moment at which a promise is broken.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::connectors::contract::Connector;
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::desk::survey::Told;
use crate::ledger::{self, Ledger};
use crate::mirror::MirrorId;

/// Open tickets that are asked about.
const ASKED: i64 = 1000;

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
    /// Open tickets that were asked about.
    pub asked: usize,
    /// Why the desk cannot tell what is due, a sentence; then `latest` stands instead.
    pub untold: Option<String>,
    /// Old and new numbers of the open tickets, those first at which something happened last.
    pub latest: Vec<(TicketId, TicketId)>,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum Unlisted {
    #[error(transparent)]
    Desk(#[from] Fault),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

/// Asks the desk that led, whose clocks ran: those of the other began with the copy, if at all. `windows`: only their tickets.
pub async fn open(
    ledger: &Ledger,
    mirror: MirrorId,
    windows: Option<&[i64]>,
    (led, desk): (Side, &dyn Connector),
) -> Result<Open, Unlisted> {
    let tickets = ledger.open_tickets(mirror, windows, (led, desk.capabilities().final_statuses), ASKED).await?;
    let ids: Vec<TicketId> =
        tickets.iter().map(|(old, new)| if led == Side::Source { old.clone() } else { new.clone() }).collect();
    let mut urgent: Vec<Urgent> = Vec::new();
    let asked = tickets.len();
    let all = match desk.due(&ids).await? {
        Told::Known(all) => all,
        Told::CannotTell(why) => return Ok(Open { asked, untold: Some(why), latest: tickets, ..Open::default() }),
    };
    for due in all {
        let Some(at) = ids.iter().position(|id| *id == due.ticket) else { continue };
        let (old, new) = tickets[at].clone();
        urgent.push(Urgent { old, new, at: due.at, what: due.what });
    }
    urgent.sort_by(|a, b| (a.at, &a.old).cmp(&(b.at, &b.old)));
    Ok(Open { urgent, asked, ..Open::default() })
}
