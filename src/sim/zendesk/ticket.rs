//! A ticket in the store, with its comments and its audits.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

/// A ticket.
#[derive(Debug, Clone)]
pub struct Ticket {
    pub id: u64,
    pub external_id: Option<String>,
    pub subject: String,
    /// `new`, `open`, `pending`, `hold`, `solved`, `closed`.
    pub status: String,
    pub custom_status: u64,
    pub priority: Option<String>,
    /// `problem`, `incident`, `question`, `task`.
    pub kind: Option<String>,
    pub requester: u64,
    pub submitter: u64,
    pub assignee: Option<u64>,
    pub group: Option<u64>,
    pub organization: Option<u64>,
    pub brand: u64,
    pub form: u64,
    pub email_ccs: BTreeSet<u64>,
    pub followers: BTreeSet<u64>,
    pub tags: BTreeSet<String>,
    /// By field id; an absent field is empty.
    pub custom: BTreeMap<u64, Value>,
    pub due_at: Option<DateTime<Utc>>,
    /// The problem that this incident belongs to.
    pub problem: Option<u64>,
    pub followup_of: Option<u64>,
    pub followups: Vec<u64>,
    /// The channel of creation: `api`, `web`, `mail`.
    pub channel: String,
    pub created_at: DateTime<Utc>,
    /// Moves with audits only.
    pub updated_at: DateTime<Utc>,
    pub solved_at: Option<DateTime<Utc>>,
    /// Seconds since 1970; moves with every change, the system's own too.
    pub generated: i64,
    pub presence: Presence,
    pub comments: Vec<Arc<Comment>>,
    pub audits: Vec<Arc<Audit>>,
    /// The state before the last change, for stale reads.
    pub before: Option<Box<Ticket>>,
}

/// Whether the ticket is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    Present,
    /// Soft-deleted: in the list of deleted tickets, restorable.
    Deleted {
        at: DateTime<Utc>,
        by: u64,
    },
    /// Deleted for good; a tombstone remains in the export.
    Scrubbed,
    /// Merged into another ticket, and closed.
    MergedInto(u64),
}

/// A comment.
#[derive(Debug, Clone)]
pub struct Comment {
    pub id: u64,
    pub audit: u64,
    pub author: u64,
    pub public: bool,
    /// Cleaned.
    pub html: String,
    pub plain: String,
    pub attachments: Vec<u64>,
    pub at: DateTime<Utc>,
    pub via: Value,
    /// Written as HTML, not as plain text.
    pub rich: bool,
}

/// Who acts where nobody does: told as the author -1.
pub const SYSTEM: u64 = u64::MAX;

/// The id of an author as the API tells it.
pub fn author(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(-1)
}

/// One update of a ticket.
#[derive(Debug, Clone)]
pub struct Audit {
    pub id: u64,
    pub ticket: u64,
    pub author: u64,
    pub at: DateTime<Utc>,
    pub via: Value,
    /// What the caller gave as metadata.
    pub custom: Value,
    pub events: Vec<Event>,
}

/// One thing that an audit tells.
#[derive(Debug, Clone)]
pub enum Event {
    /// A comment of the ticket, told as it is now (it may have been redacted since).
    Comment(u64),
    /// Any other event, as it is told.
    Told(Value),
}

impl Ticket {
    /// Neither deleted nor scrubbed.
    pub fn is_there(&self) -> bool {
        matches!(self.presence, Presence::Present | Presence::MergedInto(_))
    }

    /// Closed tickets can never be changed again.
    pub fn is_closed(&self) -> bool {
        self.status == "closed"
    }

    /// The text of the first comment.
    pub fn description(&self) -> &str {
        self.comments.first().map(|comment| comment.plain.as_str()).unwrap_or_default()
    }

    /// Whether any comment is public.
    pub fn is_public(&self) -> bool {
        self.comments.iter().any(|comment| comment.public)
    }

    /// A comment by its id.
    pub fn comment(&self, id: u64) -> Option<&Arc<Comment>> {
        self.comments.iter().find(|comment| comment.id == id)
    }

    /// The ticket as a stale read shows it: before the last change. `None` if that was its creation.
    pub fn seen(&self, stale: bool) -> Option<&Ticket> {
        if stale { self.before.as_deref() } else { Some(self) }
    }
}

/// The statuses, in the order of a ticket's life.
pub const STATUSES: [&str; 6] = ["new", "open", "pending", "hold", "solved", "closed"];
/// The priorities, lowest first.
pub const PRIORITIES: [&str; 4] = ["low", "normal", "high", "urgent"];
/// The types.
pub const KINDS: [&str; 4] = ["problem", "incident", "question", "task"];
