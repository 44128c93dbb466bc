//! One unit of work: what one API call or one deed of a person does. It records transactions, runs the stock scrips on each
//! and gathers, per ticket object, the batch that the webhook scrip tells about after the commit.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::date;
use super::mime::Message;
use super::store::{Before, Object, Store, Transaction};

/// RT dies of what it was given: a 500, with what was done before kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Died;

/// A transaction that is about to be recorded.
#[derive(Debug, Default)]
pub struct Draft {
    pub kind: &'static str,
    pub field: Option<String>,
    pub old: Option<String>,
    pub new: Option<String>,
    pub data: Option<String>,
    /// Minutes.
    pub taken: i64,
    pub message: Option<Message>,
}

impl Draft {
    /// A change of a field from one value to another.
    pub fn change(kind: &'static str, field: impl Into<String>, old: Option<String>, new: Option<String>) -> Self {
        Draft { kind, field: Some(field.into()), old, new, ..Draft::default() }
    }
}

/// What the webhook scrip tells in one request.
#[derive(Debug, Clone)]
struct Batch {
    /// The ticket that is told about.
    ticket: u64,
    transactions: Vec<u64>,
}

/// What came of a unit of work.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Bodies of webhooks, in order, without `sent_at`.
    pub hooks: Vec<Value>,
    /// The transactions it recorded.
    pub transactions: Vec<u64>,
}

/// One unit of work.
#[derive(Debug)]
pub struct Work<'s> {
    pub store: &'s mut Store,
    /// The user who acts.
    pub actor: u64,
    /// When, in whole seconds.
    pub at: DateTime<Utc>,
    /// History from before anybody listened: no mail, no webhook.
    pub quiet: bool,
    main: Vec<Batch>,
    /// Bodies of what was told at once.
    first: Vec<Value>,
    after: Vec<Batch>,
    made: Vec<u64>,
}

impl<'s> Work<'s> {
    /// Begins.
    pub fn new(store: &'s mut Store, actor: u64, at: DateTime<Utc>, quiet: bool) -> Self {
        let at = date::seconds(at);
        Work { store, actor, at, quiet, main: Vec::new(), first: Vec::new(), after: Vec::new(), made: Vec::new() }
    }

    /// Remembers the ticket as it is, before it is changed. What was held of it is committed: a second writer waits for it.
    pub fn open(&mut self, ticket: u64) {
        self.store.held_tickets.remove(&ticket);
        let own = self.store.ticket(ticket).transactions.clone();
        for id in &own {
            self.store.held.remove(id);
        }
        let last = self.store.history(ticket).last().copied().unwrap_or(0);
        let before = Before { ticket: self.store.ticket(ticket).clone(), last, until: self.at };
        self.store.before.insert(ticket, before);
    }

    /// Records a transaction of the ticket that this work is about.
    pub fn record(&mut self, ticket: u64, draft: Draft) -> u64 {
        let id = self.write(ticket, draft, self.actor);
        match self.main.last_mut().filter(|batch| batch.ticket == ticket) {
            Some(batch) => batch.transactions.push(id),
            None => self.main.push(Batch { ticket, transactions: vec![id] }),
        }
        self.run_scrips(ticket, id);
        self.store.touch(ticket, self.at, self.actor);
        id
    }

    /// Records a transaction at the other end of a link: a ticket object of its own, told about at once.
    pub fn record_aside(&mut self, ticket: u64, draft: Draft) -> u64 {
        let id = self.write(ticket, draft, self.actor);
        self.store.touch(ticket, self.at, self.actor);
        self.tell(ticket, id);
        id
    }

    /// Records the two halves of a merge, told about as RT does: both under the target's number.
    pub fn record_merge(&mut self, old: u64, target: u64, uri: &str) {
        let draft = || Draft::change("AddLink", "MergedInto", None, Some(uri.to_owned()));
        let first = self.write(old, draft(), self.actor);
        let second = self.write(target, draft(), self.actor);
        let mut own = self.main.pop().unwrap_or(Batch { ticket: target, transactions: Vec::new() });
        own.ticket = target;
        own.transactions.push(first);
        self.main.push(own);
        self.store.touch(old, self.at, self.actor);
        self.store.touch(target, self.at, self.actor);
        self.tell(target, second);
    }

    fn tell(&mut self, ticket: u64, id: u64) {
        if !self.quiet {
            self.first.push(body(self.store, &Batch { ticket, transactions: vec![id] }));
        }
    }

    /// Records what a scrip does to the ticket, told about after everything else.
    pub fn record_by_scrip(&mut self, ticket: u64, draft: Draft, by: u64) -> u64 {
        let id = self.write(ticket, draft, by);
        self.after.push(Batch { ticket, transactions: vec![id] });
        self.store.touch(ticket, self.at, by);
        id
    }

    /// Records without telling anybody (the record of a mail).
    pub fn record_silently(&mut self, ticket: u64, draft: Draft, by: u64) -> u64 {
        let id = self.write(ticket, draft, by);
        self.store.touch(ticket, self.at, by);
        id
    }

    fn write(&mut self, ticket: u64, draft: Draft, creator: u64) -> u64 {
        self.store.last.transaction += 1;
        let id = self.store.last.transaction;
        let attachments = draft.message.map(|message| message.attach(self.store, id, creator, self.at)).unwrap_or_default();
        let row = Transaction {
            id,
            object: Object::Ticket(ticket),
            kind: draft.kind.to_owned(),
            field: draft.field,
            old: draft.old,
            new: draft.new,
            data: draft.data,
            taken: draft.taken,
            creator,
            created: self.at,
            attachments,
            values: BTreeMap::new(),
        };
        self.store.transactions.insert(id, row);
        self.store.ticket_mut(ticket).transactions.push(id);
        self.made.push(id);
        id
    }

    /// Ends: what there is to tell.
    pub fn finish(self) -> Outcome {
        let mut hooks = self.first;
        if !self.quiet {
            hooks.extend(self.main.iter().chain(&self.after).map(|batch| body(self.store, batch)));
        }
        Outcome { hooks, transactions: self.made }
    }
}

/// The body that the project's scrip builds.
fn body(store: &Store, batch: &Batch) -> Value {
    let ticket = store.ticket(batch.ticket);
    let rows: Vec<Value> = batch.transactions.iter().map(|id| transaction(store, &store.transactions[id])).collect();
    let created = rows.first().is_some_and(|row| row["type"] == "Create");
    json!({
        "event": if created { "ticket.created" } else { "ticket.updated" },
        "stage": "TransactionBatch",
        "organization": super::ORGANIZATION,
        "ticket": {
            "id": ticket.id,
            "queue": store.queues.get(&ticket.queue).map(|queue| queue.name.as_str()),
            "status": ticket.status,
            "subject": ticket.subject,
            "last_updated": date::w3c(Some(ticket.updated)),
            "url": format!("{}/REST/2.0/ticket/{}", store.url, ticket.id),
        },
        "transactions": rows,
    })
}

fn transaction(store: &Store, row: &Transaction) -> Value {
    let Object::Ticket(ticket) = row.object else { return Value::Null };
    json!({
        "id": row.id,
        "type": row.kind,
        "field": row.field,
        "old_value": row.old,
        "new_value": row.new,
        "creator": store.user_name(row.creator),
        "created": date::w3c(Some(row.created)),
        "ticket_id": ticket,
    })
}
