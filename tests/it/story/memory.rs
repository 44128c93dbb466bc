//! A desk in memory: what is done is what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use chrono::{DateTime, Utc};
use tidegate::sim::faults::{Faults, Rates};
use tidegate::sim::snapshot::{FileView, Mail, MessageView, TicketState, TicketView};
use tidegate::sim::stage::{Action, Done, Stage, Text, Who};
use tidegate::sim::story::log::sha256;

/// A desk without rules: what is done is what is stored.
pub struct MemoryDesk {
    state: Mutex<State>,
    faults: Faults,
}

#[derive(Default)]
pub struct State {
    pub tickets: BTreeMap<String, TicketView>,
    last: u64,
}

impl State {
    pub fn next(&mut self) -> String {
        self.last += 1;
        format!("{:06}", self.last)
    }

    fn say(&mut self, who: &Who, text: &Text, public: bool, at: DateTime<Utc>) -> MessageView {
        let file = |file: &tidegate::sim::stage::File| FileView {
            name: file.name.clone(),
            size: file.bytes.len() as u64,
            sha256: sha256(&file.bytes),
            inline: file.inline,
        };
        let files = text.files.iter().map(file).collect();
        MessageView { id: self.next(), author: who.email.clone(), public, at, body: text.body.clone(), html: text.html, files }
    }

    fn there(&mut self, id: &str) -> Result<&mut TicketView, String> {
        let found = self.tickets.get_mut(id).filter(|ticket| ticket.state == TicketState::Present);
        found.ok_or_else(|| format!("{id} is not there"))
    }
}

pub fn set(ticket: &mut TicketView, field: &str, value: Vec<String>) {
    match field {
        "cc" => ticket.cc = value.into_iter().collect(),
        "followers" => ticket.followers = value.into_iter().collect(),
        _ if value.is_empty() => drop(ticket.fields.remove(field)),
        _ => drop(ticket.fields.insert(field.to_string(), value)),
    }
}

pub fn message<'a>(ticket: &'a mut TicketView, id: &str) -> &'a mut MessageView {
    ticket.messages.iter_mut().find(|message| message.id == id).expect("a message that was made")
}

impl MemoryDesk {
    pub fn new() -> Self {
        Self { state: Mutex::default(), faults: Faults::new(Rates::default(), 1) }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test thread panics while it holds the desk")
    }
}

/// Links, merges and deletions.
fn tie(state: &mut State, action: Action) -> Result<String, String> {
    match action {
        Action::Link { ticket, kind, to } => {
            state.there(&ticket)?.links.insert((kind, to));
            Ok(ticket)
        }
        Action::Unlink { ticket, kind, to } => {
            state.there(&ticket)?.links.remove(&(kind, to));
            Ok(ticket)
        }
        Action::Merge { ticket, into } => {
            state.there(&into)?;
            state.there(&ticket)?.state = TicketState::MergedInto(into);
            Ok(ticket)
        }
        Action::Delete { ticket } => {
            state.there(&ticket)?.state = TicketState::Deleted;
            Ok(ticket)
        }
        Action::Undelete { ticket } => Err(format!("{ticket} stays deleted")),
        other => Err(format!("{other:?} is done elsewhere")),
    }
}

impl Stage for MemoryDesk {
    fn slip(&self, who: &Who, action: Action) -> Result<Done, String> {
        self.act(who, action, DateTime::default(), true)
    }

    fn act(&self, who: &Who, action: Action, at: DateTime<Utc>, _quiet: bool) -> Result<Done, String> {
        let mut state = self.state();
        let mut done = Done::default();
        match action {
            Action::Open { subject, group, text, fields, tags } => {
                done.ticket = state.next();
                let first = state.say(who, &text, true, at);
                done.message = Some(first.id.clone());
                let mut ticket = blank(&done.ticket, at);
                ticket.messages.push(first);
                ticket.tags.extend(tags);
                set(&mut ticket, "subject", vec![subject]);
                set(&mut ticket, "group", vec![group]);
                set(&mut ticket, "requester", vec![who.email.clone()]);
                fields.into_iter().for_each(|(field, value)| set(&mut ticket, &field, value));
                state.tickets.insert(done.ticket.clone(), ticket);
            }
            Action::Reply { ticket, text } => done = say_on(&mut state, (&ticket, who), &text, true, at)?,
            Action::Note { ticket, text } => done = say_on(&mut state, (&ticket, who), &text, false, at)?,
            Action::Set { ticket, fields } => {
                let there = state.there(&ticket)?;
                fields.into_iter().for_each(|(field, value)| set(there, &field, value));
                done.ticket = ticket;
            }
            Action::Tag { ticket, add, remove } => {
                let there = state.there(&ticket)?;
                there.tags.retain(|tag| !remove.contains(tag));
                there.tags.extend(add);
                done.ticket = ticket;
            }
            ended @ (Action::Link { .. }
            | Action::Unlink { .. }
            | Action::Merge { .. }
            | Action::Delete { .. }
            | Action::Undelete { .. }) => {
                done.ticket = tie(&mut state, ended)?;
            }
            Action::Redact { ticket, message: id, words } => {
                let message = message(state.there(&ticket)?, &id);
                assert!(message.body.contains(&words), "words to redact stand in the message as they are");
                message.body = message.body.replace(&words, "▇▇▇▇▇▇");
                done.ticket = ticket;
            }
            Action::MakePrivate { ticket, message: id } => {
                message(state.there(&ticket)?, &id).public = false;
                done.ticket = ticket;
            }
        }
        Ok(done)
    }

    fn tickets(&self) -> Vec<TicketView> {
        self.state().tickets.values().cloned().collect()
    }

    fn mails(&self) -> Vec<Mail> {
        Vec::new()
    }

    fn calls(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    fn faults(&self) -> &Faults {
        &self.faults
    }

    fn deliveries_waiting(&self) -> usize {
        0
    }
}

pub fn say_on(
    state: &mut State,
    (ticket, who): (&str, &Who),
    text: &Text,
    public: bool,
    at: DateTime<Utc>,
) -> Result<Done, String> {
    let said = state.say(who, text, public, at);
    let message = Some(said.id.clone());
    state.there(ticket)?.messages.push(said);
    Ok(Done { ticket: ticket.to_string(), message })
}

pub fn blank(id: &str, at: DateTime<Utc>) -> TicketView {
    TicketView {
        id: id.to_string(),
        state: TicketState::Present,
        external_id: None,
        fields: BTreeMap::new(),
        tags: BTreeSet::new(),
        cc: BTreeSet::new(),
        followers: BTreeSet::new(),
        created_at: at,
        messages: Vec::new(),
        links: BTreeSet::new(),
    }
}
