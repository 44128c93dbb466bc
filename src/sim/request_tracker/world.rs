//! What is in the simulated RT from the start: see [`super`] for the names.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::person::NewUser;
use super::store::{Field, FieldKind, NOBODY, Object, Queue, RT_SYSTEM, Store, User};

/// The custom field that holds our key or that of another tool.
pub const EXTERNAL_ID: &str = "external_id";
/// The custom field that stands for tags.
pub const TAGS: &str = "Tags";
/// The custom field that stands for the type.
pub const TYPE: &str = "Ticket Type";
/// The user of the gateway's token.
pub const GATEWAY: &str = "gateway";
/// The pattern of whole numbers. It lets nothing pass too: a field whose pattern does not can never be cleared again.
pub const INTEGER: &str = r"(?#Integer)^([-+]?\d+)?$";
/// The pattern of decimal numbers, or nothing.
pub const DECIMAL: &str = r"(?#Decimal)^([-+]?\d+(\.\d+)?)?$";

/// RT's first administrator.
pub const ROOT: u64 = 14;
/// The transactions that setting up an RT leaves behind, which no API user may see.
const FROM_SETUP: u64 = 48;

/// Names and descriptions of the queues.
const QUEUES: [(&str, &str); 5] = [
    ("General", "The default queue"),
    ("Support", "Questions of customers"),
    ("Billing", "Invoices and payments"),
    ("Engineering", "Faults of the product"),
    ("Migrated", "Tickets from elsewhere"),
];

/// The agents: name, real name.
const AGENTS: [(&str, &str); 4] =
    [("alice", "Alice Agent"), ("bob", "Bob Agent"), ("carol", "Carol Agent"), ("dave", "Dave Agent")];

/// One more field of every kind that the fields above leave out.
const OTHER_KINDS: [Plan; 9] = [
    Plan("Aliases", FieldKind::Freeform, true, "", &[]),
    Plan("Terms", FieldKind::Html, false, "", &[]),
    Plan("Wiki", FieldKind::Wikitext, false, "", &[]),
    Plan("City", FieldKind::Combobox, false, "", &[]),
    Plan("Serial", FieldKind::Autocomplete, false, "", &[]),
    Plan("Host", FieldKind::IpAddress, false, "", &[]),
    Plan("Network", FieldKind::IpRange, false, "", &[]),
    Plan("Photo", FieldKind::Image, false, "", &[]),
    Plan("Contract", FieldKind::Binary, false, "", &[]),
];

struct Plan(&'static str, FieldKind, bool, &'static str, &'static [&'static str]);

/// Custom fields of tickets, applied to every queue: name, kind, several values, pattern, choices.
const FIELDS: [Plan; 19] = [
    Plan("external_id", FieldKind::Freeform, false, "", &[]),
    Plan("Severity", FieldKind::Select, false, "", &["low", "normal", "high", "critical"]),
    Plan("Products", FieldKind::Select, true, "", &["alpha", "beta", "gamma"]),
    Plan("Tags", FieldKind::Freeform, true, "", &[]),
    Plan("Details", FieldKind::Text, false, "", &[]),
    Plan("Renewal", FieldKind::DateTime, false, "", &[]),
    Plan("source_created", FieldKind::DateTime, false, "", &[]),
    Plan("Ticket Type", FieldKind::Select, false, "", &["question", "incident", "problem", "task"]),
    Plan("Organisation", FieldKind::Freeform, false, "", &[]),
    Plan("Summary", FieldKind::Freeform, false, "", &[]),
    Plan("Notes", FieldKind::Text, false, "", &[]),
    Plan("Plan", FieldKind::Select, false, "", &["free", "team", "enterprise"]),
    Plan("Areas", FieldKind::Select, true, "", &["web", "mobile", "api", "billing"]),
    Plan("Contract End", FieldKind::Date, false, "", &[]),
    Plan("Callback", FieldKind::DateTime, false, "", &[]),
    Plan("Seats", FieldKind::Freeform, false, INTEGER, &[]),
    Plan("Amount", FieldKind::Freeform, false, DECIMAL, &[]),
    Plan("Escalated", FieldKind::Select, false, "", &["yes", "no"]),
    Plan("Order Number", FieldKind::Freeform, false, "", &[]),
];

/// Builds the world.
pub fn seed(store: &mut Store, at: DateTime<Utc>) {
    for (id, name) in [(RT_SYSTEM, "RT_System"), (NOBODY, "Nobody"), (ROOT, "root")] {
        let user = fixed_user(id, name, at);
        store.names.insert(name.to_lowercase(), id);
        store.users.insert(id, user);
    }
    for _ in 0..FROM_SETUP {
        store.record_object(Object::Other, "Create", RT_SYSTEM, at);
    }
    store.last.principal = 25;
    agent(store, GATEWAY, "Migration Gateway", at);
    for (name, real_name) in AGENTS {
        agent(store, name, real_name, at);
    }
    for (name, description) in QUEUES {
        if store.last.queue == 1 {
            // The second queue of every RT is its hidden queue for approvals.
            store.last.queue = 2;
        }
        let id = store.add_queue(name, description, RT_SYSTEM, at);
        if let Some(queue) = store.queues.get_mut(&id) {
            queue.correspond_address = format!("{}@{}", name.to_lowercase(), super::ORGANIZATION);
        }
    }
    store.last.field = 1;
    fields(store, &FIELDS, at);
    let id = store.add_field("source_comment_id", FieldKind::Freeform, false, RT_SYSTEM, at);
    let queues: BTreeSet<u64> = store.queues.keys().copied().collect();
    fill(store, id, queues, "", &[]);
    if let Some(field) = store.fields.get_mut(&id) {
        field.of_transactions = true;
    }
    let id = store.add_field("Only Support", FieldKind::Freeform, false, RT_SYSTEM, at);
    let support = store.queue("Support").map(|queue| queue.id);
    fill(store, id, support.into_iter().collect(), "", &[]);
    fields(store, &OTHER_KINDS, at);
}

fn fields(store: &mut Store, plans: &[Plan], at: DateTime<Utc>) {
    for plan in plans {
        let id = store.add_field(plan.0, plan.1, plan.2, RT_SYSTEM, at);
        let queues: BTreeSet<u64> = store.queues.keys().copied().collect();
        fill(store, id, queues, plan.3, plan.4);
    }
}

fn fixed_user(id: u64, name: &str, at: DateTime<Utc>) -> User {
    User {
        id,
        name: name.to_owned(),
        email: if id == ROOT { "root@localhost".to_owned() } else { String::new() },
        real_name: match id {
            NOBODY => "Nobody in particular".to_owned(),
            RT_SYSTEM => "The RT System itself".to_owned(),
            _ => "Enoch Root".to_owned(),
        },
        organization: String::new(),
        comments: "Do not delete or modify this user. It is integral to RT's internal data structures".to_owned(),
        privileged: id == ROOT,
        disabled: false,
        created: at,
        creator: RT_SYSTEM,
        updated: at,
        updated_by: RT_SYSTEM,
        transactions: Vec::new(),
    }
}

fn agent(store: &mut Store, name: &str, real_name: &str, at: DateTime<Utc>) {
    let new = NewUser {
        name: name.to_owned(),
        email: format!("{name}@{}", super::ORGANIZATION),
        real_name: real_name.to_owned(),
        privileged: true,
        ..NewUser::default()
    };
    store.add_user(new, RT_SYSTEM, at);
}

fn fill(store: &mut Store, id: u64, queues: BTreeSet<u64>, pattern: &str, choices: &[&str]) {
    for choice in choices {
        store.add_choice(id, choice);
    }
    if let Some(field) = store.fields.get_mut(&id) {
        field.queues = queues;
        field.pattern = pattern.to_owned();
    }
}

impl Store {
    /// Makes a queue; the caller has looked that its name is free.
    pub fn add_queue(&mut self, name: &str, description: &str, creator: u64, at: DateTime<Utc>) -> u64 {
        self.last.queue += 1;
        let id = self.last.queue;
        let transaction = self.record_object(Object::Queue(id), "Create", creator, at);
        let queue = Queue {
            id,
            name: name.to_owned(),
            description: description.to_owned(),
            correspond_address: String::new(),
            disabled: false,
            created: at,
            creator,
            transactions: vec![transaction],
        };
        self.queues.insert(id, queue);
        id
    }

    /// Makes a custom field that is applied to no queue yet.
    pub fn add_field(&mut self, name: &str, kind: FieldKind, multiple: bool, creator: u64, at: DateTime<Utc>) -> u64 {
        self.last.field += 1;
        let field = Field {
            id: self.last.field,
            name: name.to_owned(),
            description: String::new(),
            kind,
            multiple,
            of_transactions: false,
            pattern: String::new(),
            choices: Vec::new(),
            queues: BTreeSet::new(),
            disabled: false,
            created: at,
            creator,
        };
        self.fields.insert(field.id, field);
        self.last.field
    }

    /// Adds a choice to a field; its id.
    pub fn add_choice(&mut self, field: u64, name: &str) -> u64 {
        self.last.choice += 1;
        let choice = (self.last.choice, name.to_owned());
        if let Some(field) = self.fields.get_mut(&field) {
            field.choices.push(choice);
        }
        self.last.choice
    }
}
