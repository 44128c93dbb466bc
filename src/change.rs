//! Hints: what says *look at this ticket*, and where a feed has been read up to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::desk::id::TicketId;

/// Who saw the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    Webhook,
    Poll,
    Backfill,
    Operator,
    Sweep,
}

impl Origin {
    /// The word stored in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Webhook => "webhook",
            Origin::Poll => "poll",
            Origin::Backfill => "backfill",
            Origin::Operator => "operator",
            Origin::Sweep => "sweep",
        }
    }
}

/// A change event before it is stored: a hint about one ticket, never the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    pub ticket: TicketId,
    /// What happened in the desk's words, for people: `ticket.comment_added`, `Correspond`.
    pub what: String,
    /// Names the change, the same for every witness of it where the desk allows that (RT: `txn:<id>`; Zendesk webhook:
    /// `event:<id>`; Zendesk export: `feed:<ticket>:<feed stamp>`). A second hint with the same evidence is the same change.
    pub evidence: String,
    /// The strong stamp that a read must have reached to have seen this change, where the desk tells (RT: transaction id).
    pub least_stamp: Option<String>,
    /// The feed stamp of the ticket at this change, where the desk tells; compared with [`crate::desk::ticket::Ticket::feed_stamp`].
    pub feed_stamp: Option<String>,
    /// The ticket's time of change as the desk tells it, at its precision.
    pub at: DateTime<Utc>,
}

/// Where a feed was read up to. Opaque to all but the connector that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// One page of a feed of changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangePage {
    pub hints: Vec<Hint>,
    /// Where to go on; stored in one commit with the hints.
    pub next: Cursor,
    /// Ask again at once.
    pub more: bool,
    /// In the desk's time: everything up to here has been seen.
    pub seen_up_to: DateTime<Utc>,
}

/// One page of the listing of all tickets.
#[derive(Debug, Clone, PartialEq)]
pub struct ListPage {
    pub hints: Vec<Hint>,
    /// `None` after the last page.
    pub next: Option<Cursor>,
    /// How many tickets there are in all, where the desk tells.
    pub total: Option<u64>,
}
