//! What the simulated RT keeps: tickets, transactions, attachments, people, queues and custom fields, with the indexes
//! that its searches need.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::setting::Settings;
use crate::sim::snapshot::Mail;

/// RT's own user, who acts for scrips.
pub const RT_SYSTEM: u64 = 1;
/// The owner of tickets without an owner.
pub const NOBODY: u64 = 6;

/// What a link means, seen from its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkKind {
    DependsOn,
    MemberOf,
    RefersTo,
    MergedInto,
}

/// One end of a link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Ticket(u64),
    Uri(String),
}

/// A link as one of its tickets sees it; a link between two tickets is kept at both.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    pub kind: LinkKind,
    /// This ticket is the base (it depends, it is the member, it refers).
    pub base: bool,
    pub other: End,
}

/// The three lists of watchers that a ticket has beside its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    AdminCc,
    Cc,
    Requestor,
}

impl Role {
    /// In the order in which RT goes through them.
    pub const ALL: [Role; 3] = [Role::AdminCc, Role::Cc, Role::Requestor];

    /// As RT writes it.
    pub fn name(self) -> &'static str {
        match self {
            Role::AdminCc => "AdminCc",
            Role::Cc => "Cc",
            Role::Requestor => "Requestor",
        }
    }
}

/// The dates of a ticket that can be set; `None` is RT's 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dates {
    pub due: Option<DateTime<Utc>>,
    pub starts: Option<DateTime<Utc>>,
    pub started: Option<DateTime<Utc>>,
    pub resolved: Option<DateTime<Utc>>,
    pub told: Option<DateTime<Utc>>,
}

/// Minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    pub worked: i64,
    pub estimated: i64,
    pub left: i64,
}

/// A row of the table of tickets. People are user ids.
#[derive(Debug, Clone)]
pub struct Ticket {
    pub id: u64,
    /// Its own id, or the ticket that it was merged into.
    pub effective: u64,
    pub queue: u64,
    /// `None` is SQL's NULL: the ticket has no `Subject` in JSON then.
    pub subject: Option<String>,
    pub status: String,
    pub kind: String,
    pub owner: u64,
    pub watchers: [Vec<u64>; 3],
    pub priority: i64,
    pub initial_priority: i64,
    pub final_priority: i64,
    pub times: Times,
    pub dates: Dates,
    pub created: DateTime<Utc>,
    pub creator: u64,
    pub updated: DateTime<Utc>,
    pub updated_by: u64,
    /// Values by custom field, oldest first; `None` is an empty value, which RT keeps as one.
    pub values: BTreeMap<u64, Vec<Option<String>>>,
    pub links: Vec<Link>,
    /// E-mail addresses that get no mail about this ticket.
    pub squelched: BTreeSet<String>,
    /// Its own transactions, oldest first.
    pub transactions: Vec<u64>,
    /// Tickets merged into this one.
    pub merged: Vec<u64>,
}

impl Ticket {
    /// The members of a role.
    pub fn role(&self, role: Role) -> &Vec<u64> {
        &self.watchers[role as usize]
    }

    /// The members of a role, to be changed.
    pub fn role_mut(&mut self, role: Role) -> &mut Vec<u64> {
        &mut self.watchers[role as usize]
    }
}

/// What a transaction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    Ticket(u64),
    User(u64),
    Queue(u64),
    /// A dashboard, a saved search or a preference. Its values are objects.
    Attribute(u64),
    /// Groups and the like, which no API user may see.
    Other,
}

/// A row of the table of transactions.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub id: u64,
    pub object: Object,
    pub kind: String,
    pub field: Option<String>,
    pub old: Option<String>,
    pub new: Option<String>,
    pub data: Option<String>,
    /// Minutes.
    pub taken: i64,
    pub creator: u64,
    pub created: DateTime<Utc>,
    pub attachments: Vec<u64>,
    /// Values of transaction custom fields.
    pub values: BTreeMap<u64, Vec<String>>,
}

/// A node of the MIME tree of a transaction.
#[derive(Debug, Clone)]
pub struct Attachment {
    pub id: u64,
    pub transaction: u64,
    /// 0 for the root.
    pub parent: u64,
    pub content_type: String,
    pub file_name: Option<String>,
    pub subject: String,
    pub message_id: String,
    pub headers: String,
    /// Bytes as stored; none in multipart nodes and empty parts.
    pub content: Option<Vec<u8>>,
    pub creator: u64,
    pub created: DateTime<Utc>,
}

/// Somebody.
#[derive(Debug, Clone)]
pub struct User {
    pub id: u64,
    pub name: String,
    pub email: String,
    pub real_name: String,
    pub organization: String,
    pub comments: String,
    pub privileged: bool,
    pub disabled: bool,
    pub created: DateTime<Utc>,
    pub creator: u64,
    pub updated: DateTime<Utc>,
    pub updated_by: u64,
    pub transactions: Vec<u64>,
}

/// A queue.
#[derive(Debug, Clone)]
pub struct Queue {
    pub id: u64,
    pub name: String,
    pub description: String,
    pub correspond_address: String,
    pub disabled: bool,
    pub created: DateTime<Utc>,
    pub creator: u64,
    pub transactions: Vec<u64>,
}

/// The kinds of custom field that this desk has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Freeform,
    Text,
    Html,
    Wikitext,
    Select,
    Combobox,
    Autocomplete,
    Date,
    DateTime,
    IpAddress,
    IpRange,
    Image,
    Binary,
}

impl FieldKind {
    /// Every kind.
    pub const ALL: [FieldKind; 13] = [
        FieldKind::Freeform,
        FieldKind::Text,
        FieldKind::Html,
        FieldKind::Wikitext,
        FieldKind::Select,
        FieldKind::Combobox,
        FieldKind::Autocomplete,
        FieldKind::Date,
        FieldKind::DateTime,
        FieldKind::IpAddress,
        FieldKind::IpRange,
        FieldKind::Image,
        FieldKind::Binary,
    ];

    /// RT's word.
    pub fn name(self) -> &'static str {
        match self {
            FieldKind::Freeform => "Freeform",
            FieldKind::Text => "Text",
            FieldKind::Html => "HTML",
            FieldKind::Wikitext => "Wikitext",
            FieldKind::Select => "Select",
            FieldKind::Combobox => "Combobox",
            FieldKind::Autocomplete => "Autocomplete",
            FieldKind::Date => "Date",
            FieldKind::DateTime => "DateTime",
            FieldKind::IpAddress => "IPAddress",
            FieldKind::IpRange => "IPAddressRange",
            FieldKind::Image => "Image",
            FieldKind::Binary => "Binary",
        }
    }
}

/// A custom field.
#[derive(Debug, Clone)]
pub struct Field {
    pub id: u64,
    pub name: String,
    pub description: String,
    pub kind: FieldKind,
    pub multiple: bool,
    /// Belongs to transactions instead of tickets.
    pub of_transactions: bool,
    /// A regular expression as RT shows it; empty if anything goes.
    pub pattern: String,
    /// The choices of a `Select`, with their ids.
    pub choices: Vec<(u64, String)>,
    /// The queues it is applied to.
    pub queues: BTreeSet<u64>,
    pub disabled: bool,
    pub created: DateTime<Utc>,
    pub creator: u64,
}

/// What a ticket was before its last change, for reads that are late.
#[derive(Debug, Clone)]
pub struct Before {
    pub ticket: Ticket,
    /// The last transaction of that time.
    pub last: u64,
    /// When it was changed.
    pub until: DateTime<Utc>,
}

/// The counters of RT's sequences: the last number given out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sequences {
    pub ticket: u64,
    pub transaction: u64,
    pub attachment: u64,
    pub principal: u64,
    pub queue: u64,
    pub field: u64,
    pub choice: u64,
    pub message: u64,
}

/// Everything.
#[derive(Debug, Default)]
pub struct Store {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    pub settings: Settings,
    pub tickets: BTreeMap<u64, Ticket>,
    pub transactions: BTreeMap<u64, Transaction>,
    pub attachments: BTreeMap<u64, Attachment>,
    pub users: BTreeMap<u64, User>,
    pub queues: BTreeMap<u64, Queue>,
    pub fields: BTreeMap<u64, Field>,
    pub outbox: Vec<Mail>,
    pub last: Sequences,
    /// Transactions that are not committed yet: nobody sees them.
    pub held: BTreeSet<u64>,
    /// Tickets that are not committed yet.
    pub held_tickets: BTreeSet<u64>,
    pub before: HashMap<u64, Before>,
    /// Users by lower-case name and e-mail address.
    pub names: HashMap<String, u64>,
    pub emails: HashMap<String, u64>,
    /// Tickets by `LastUpdated`.
    pub updated: BTreeSet<(DateTime<Utc>, u64)>,
    /// Tickets by custom field and lower-case value.
    pub by_value: HashMap<(u64, String), BTreeSet<u64>>,
    /// Transactions by transaction custom field and lower-case value.
    pub transactions_by_value: HashMap<(u64, String), BTreeSet<u64>>,
}

impl Store {
    /// The ticket that this number leads to, through merges; none if it does not exist or is not committed.
    pub fn resolve(&self, id: u64) -> Option<&Ticket> {
        let mut ticket = self.tickets.get(&id)?;
        while ticket.effective != ticket.id {
            ticket = self.tickets.get(&ticket.effective)?;
        }
        (!self.held_tickets.contains(&ticket.id)).then_some(ticket)
    }

    /// A ticket that is known to exist.
    pub fn ticket(&self, id: u64) -> &Ticket {
        self.tickets.get(&id).expect("a ticket that was resolved is never removed")
    }

    /// As [`Store::ticket`], to be changed. `LastUpdated` and values are changed by [`Store::touch`] and [`Store::set_values`].
    pub fn ticket_mut(&mut self, id: u64) -> &mut Ticket {
        self.tickets.get_mut(&id).expect("a ticket that was resolved is never removed")
    }

    /// Sets `LastUpdated` and its index.
    pub fn touch(&mut self, id: u64, at: DateTime<Utc>, by: u64) {
        let ticket = self.tickets.get_mut(&id).expect("a ticket that was resolved is never removed");
        self.updated.remove(&(ticket.updated, id));
        ticket.updated = at;
        ticket.updated_by = by;
        self.updated.insert((at, id));
    }

    /// Takes transactions out as if they had never been recorded; what they changed stays.
    pub fn forget(&mut self, transactions: &[u64]) {
        for id in transactions {
            let Some(row) = self.transactions.remove(id) else { continue };
            let Object::Ticket(ticket) = row.object else { continue };
            self.ticket_mut(ticket).transactions.retain(|kept| kept != id);
            if let Some(before) = self.before.get(&ticket).map(|before| before.ticket.clone()) {
                self.touch(ticket, before.updated, before.updated_by);
            }
        }
    }

    /// Sets the values of a custom field and its index.
    pub fn set_values(&mut self, id: u64, field: u64, values: Vec<Option<String>>) {
        let ticket = self.tickets.get_mut(&id).expect("a ticket that was resolved is never removed");
        for value in ticket.values.remove(&field).unwrap_or_default().into_iter().flatten() {
            if let Some(known) = self.by_value.get_mut(&(field, value.to_lowercase())) {
                known.remove(&id);
            }
        }
        for value in values.iter().flatten() {
            self.by_value.entry((field, value.to_lowercase())).or_default().insert(id);
        }
        if !values.is_empty() {
            ticket.values.insert(field, values);
        }
    }

    /// The history of a ticket as everybody sees it, with that of the tickets merged into it, oldest first.
    pub fn history(&self, id: u64) -> Vec<u64> {
        let mut found = Vec::new();
        let mut waiting = vec![id];
        while let Some(next) = waiting.pop() {
            let Some(ticket) = self.tickets.get(&next) else { continue };
            found.extend(ticket.transactions.iter().filter(|id| !self.held.contains(id)));
            waiting.extend(&ticket.merged);
        }
        found.sort_unstable();
        found
    }
}
