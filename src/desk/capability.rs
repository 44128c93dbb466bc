//! What a vendor can and cannot do, as data. `merge` obeys it, parity forgives by it, `tidegate desks` prints it.

use serde::Serialize;

use super::id::{MessageId, TicketId};
use super::ticket::{Attachment, LinkKind};

/// Capabilities of one vendor.
#[derive(Debug, Clone, Serialize)]
pub struct Capabilities {
    /// The word in a mirror file: `zendesk`, `request-tracker`.
    pub vendor: &'static str,
    /// For people.
    pub name: &'static str,
    pub webhooks: Webhooks,
    pub feed: Feed,
    /// Each kind of change once, and who tells of it.
    pub seen: &'static [(Change, Seen)],
    /// Which of our messages keep their own time.
    pub back_dates: BackDates,
    /// Whether a message can carry its real author.
    pub sets_author: SetsAuthor,
    /// How many messages travel with [`super::write::Write::Create`].
    pub create_takes: CreateTakes,
    /// Whether our keys are stored on messages where the desk can be asked for them.
    pub message_keys: bool,
    /// The same for messages that travel with [`super::write::Write::Create`].
    pub keys_on_create: bool,
    /// Seconds after a write until a look-up is sure to find it.
    pub lookup_lag_seconds: u32,
    pub compare_and_set: bool,
    /// A written message can be made internal.
    pub makes_private: bool,
    /// The words of a written message can be taken out.
    pub redacts: bool,
    /// A file of a written message can be taken out.
    pub removes_attachments: bool,
    pub links: &'static [LinkKind],
    /// What the type of a ticket has to be, before others can have it as their [`LinkKind::Parent`]; `None`: anything.
    pub parent_type: Option<&'static str>,
    /// What the type of a ticket has to be, before it can have a [`LinkKind::Parent`]; `None`: anything.
    pub child_type: Option<&'static str>,
    pub merges: bool,
    pub deletes: bool,
    /// The status after which nothing can be changed, if the desk has one.
    pub immutable_status: Option<&'static str>,
    /// Statuses that a new ticket may have; the others are set after it was made. Empty: every one.
    pub statuses_at_creation: &'static [&'static str],
    /// Statuses that mean *done*, set as the last step because a message reopens the ticket.
    pub final_statuses: &'static [&'static str],
    /// Largest file in bytes.
    pub attachment_limit: u64,
    /// Tickets have numbers in a row: one that nobody knows, between two that are known, can be asked for.
    pub counts_tickets: bool,
    /// Refuses files without a byte.
    pub refuses_empty_files: bool,
    /// Parts of paths below which the desk hands out files.
    pub file_paths: &'static [&'static str],
    /// Content types whose bytes the desk re-codes.
    pub recodes: &'static [&'static str],
    /// Longest subject in characters; longer ones are cut.
    pub subject_limit: usize,
    /// Tags are kept in lower case, with `_` for white space.
    pub plain_tags: bool,
    /// Where an agent opens a ticket: what follows the desk's address, with `{ticket}` for its number.
    pub agent_page: &'static str,
    /// How the desk is kept from mailing anyone about our writes; for people.
    pub silence: &'static str,
    /// It stays on each ticket that we write to, until it is taken off: people's replies there reach nobody meanwhile.
    pub silence_stays: bool,
    /// What stays behind of tickets and people that we made and removed again; for people.
    pub residue: &'static str,
    /// Fields that the desk has of its own.
    pub fields: &'static [&'static str],
    /// Rights are given group by group: what our user may do in one says nothing of another.
    pub rights_by_group: bool,
    /// Mail to addresses below this domain ends at the desk's vendor and cannot be forwarded by its customers; empty: there is none.
    pub own_mail_domain: &'static str,
    /// What people do by hand when the desk begins to lead.
    pub begins: &'static [ByHand],
    /// The same when it no longer does.
    pub ends: &'static [ByHand],
}

/// Something that no API does for us at a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ByHand {
    /// Stable, `a-z` and `-`; the word to tick it off with.
    pub name: &'static str,
    /// What to do, in the desk's own words.
    pub what: &'static str,
    /// `None`: no ticket that comes in shows whether it was done.
    pub channel: Option<Channel>,
}

/// How customers reach a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// To be done, and shown, for each address of the desk that no longer leads.
    Mail,
    Web,
}

impl Capabilities {
    /// Where an agent opens a ticket of the desk at `address` (without a slash at its end).
    pub fn page_of(&self, address: &str, ticket: &TicketId) -> String {
        format!("{address}{}", self.agent_page.replace("{ticket}", ticket.as_str()))
    }

    /// The ticket whose page at the desk at `address` this is; what follows the number does not matter.
    pub fn ticket_of(&self, address: &str, page: &str) -> Option<TicketId> {
        let (before, after) = self.agent_page.split_once("{ticket}")?;
        let number = page.strip_prefix(address)?.strip_prefix(before)?;
        let (number, rest) = number.split_at(number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len()));
        let ends = rest.strip_prefix(after).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
        (ends && !number.is_empty()).then(|| TicketId::new(number))
    }

    /// The path at which the desk hands out a file, without what follows a `?` or a slash at its end. `None`: the page is no file's.
    pub fn file_path(&self, page: &str) -> Option<String> {
        let path = page.split(['?', '#']).next()?.trim_end_matches('/');
        self.file_paths.iter().find_map(|below| path.find(below)).map(|at| path[at..].to_string())
    }

    /// What a file is known by in a page of the desk, of which any one is enough.
    pub fn names_in(&self, page: &str) -> Vec<String> {
        let Some(path) = self.file_path(page) else { return Vec::new() };
        let rest = self.file_paths.iter().find_map(|below| path.strip_prefix(below)).unwrap_or_default();
        let place = match rest.split('/').collect::<Vec<_>>().as_slice() {
            [message, file, ..] => Some(format!("{message}/{file}")),
            _ => None,
        };
        std::iter::once(path).chain(place).collect()
    }

    /// What a file of a message is known by.
    pub fn names_of(&self, message: &MessageId, file: &Attachment) -> Vec<String> {
        self.file_path(&file.locator).into_iter().chain([format!("{message}/{}", file.id)]).collect()
    }
}

/// How the desk tells about changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Webhooks {
    /// The gateway registers them itself.
    ByApi,
    /// An admin installs something in the desk.
    ByAdmin,
    None,
}

/// A kind of change of a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Field,
    Tags,
    /// Another requester, assignee, cc or follower.
    People,
    Message,
    Link,
    Merge,
    Deletion,
    Undeletion,
    Redaction,
    MadePrivate,
    FileRemoved,
    /// A malware scan has ended.
    FileScanned,
    /// Somebody has another name or address, or became one with somebody else.
    PersonItself,
    /// By a script on the desk's database, or by its maker.
    BehindTheDesk,
}

impl Change {
    /// Every kind.
    pub const ALL: [Change; 14] = [
        Change::Field,
        Change::Tags,
        Change::People,
        Change::Message,
        Change::Link,
        Change::Merge,
        Change::Deletion,
        Change::Undeletion,
        Change::Redaction,
        Change::MadePrivate,
        Change::FileRemoved,
        Change::FileScanned,
        Change::PersonItself,
        Change::BehindTheDesk,
    ];
}

/// Who tells of a kind of change. What one witness alone sees, and what none does, the sweep finds within its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    Both,
    Webhook,
    Poll,
    /// Neither: only the sweep.
    Sweep,
    /// The desk has no such change.
    Never,
}

/// How the desk is asked for changes.
#[derive(Debug, Clone, Serialize)]
pub struct Feed {
    /// For people.
    pub what: &'static str,
    /// Seconds that the newest changes are withheld by the vendor.
    pub withheld_seconds: u32,
    /// Seconds read again each time because ids commit out of order.
    pub overlap_seconds: u32,
    pub sees_deletions: bool,
    pub sees_merges: bool,
    /// Least seconds between two polls that the vendor's limits allow.
    pub least_interval_seconds: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackDates {
    Always,
    /// Only messages that travel with the creation.
    OnCreate,
    /// The ticket's own creation time, no message's.
    TicketOnly,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetsAuthor {
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CreateTakes {
    AllMessages,
    FirstMessage,
}
