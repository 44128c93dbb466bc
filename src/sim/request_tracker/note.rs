//! Replies, comments and watchers.

use serde_json::{Map, Value};

use super::mime::Message;
use super::store::Role;
use super::ticket::people;
use super::value::text;
use super::work::{Died, Draft, Work};

/// The two kinds of message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    Correspond,
    Comment,
}

impl Work<'_> {
    /// Records a reply or a comment; the id of its transaction.
    pub fn note(&mut self, ticket: u64, note: Note, message: Message, minutes: i64) -> u64 {
        let kind = match note {
            Note::Correspond => "Correspond",
            Note::Comment => "Comment",
        };
        let data = Some(message.data());
        let id = self.record(ticket, Draft { kind, data, taken: minutes, message: Some(message), ..Draft::default() });
        self.store.ticket_mut(ticket).times.worked += minutes;
        if note == Note::Correspond && self.tells_requestors(ticket) {
            self.store.ticket_mut(ticket).dates.told = Some(self.at);
        }
        id
    }

    /// Whether a reply tells a requestor something who did not write it and gets mail.
    fn tells_requestors(&self, ticket: u64) -> bool {
        let ticket = self.store.ticket(ticket);
        let requestors = ticket.role(Role::Requestor);
        let reached = |id: &u64| !ticket.squelched.contains(&self.store.users[id].email.to_lowercase());
        !requestors.contains(&self.actor) && requestors.iter().any(reached)
    }

    /// Sets the values of transaction custom fields, with RT's sentences.
    pub fn set_transaction_fields(&mut self, ticket: u64, id: u64, wanted: &Map<String, Value>) -> Vec<String> {
        let queue = self.store.ticket(ticket).queue;
        let mut sentences = Vec::new();
        let mut set = false;
        for (key, value) in wanted {
            let Some(field) = self.store.field(queue, true, key).map(|field| field.id) else {
                sentences.push(format!("Unable to load transaction custom field: {key}"));
                continue;
            };
            let values: Vec<String> = match value {
                Value::Array(list) => list.iter().filter_map(text).collect(),
                one => text(one).into_iter().collect(),
            };
            for value in &values {
                let known = self.store.transactions_by_value.entry((field, value.to_lowercase())).or_default();
                known.insert(id);
            }
            if let Some(row) = self.store.transactions.get_mut(&id) {
                row.values.insert(field, values);
            }
            set = true;
        }
        if set {
            sentences.push("Custom fields updated".to_owned());
        }
        sentences
    }

    /// Makes the watchers of a role those that are wanted. Errors: somebody cannot be found, and RT dies.
    pub fn set_watchers(&mut self, ticket: u64, role: Role, wanted: &Value) -> Result<Vec<String>, Died> {
        let texts = match wanted {
            Value::Array(list) => list.iter().flat_map(people).collect(),
            Value::Null => vec![String::new()],
            one => people(one),
        };
        let mut members = Vec::new();
        for text in texts {
            let first = text.split(',').next().unwrap_or_default().trim().to_owned();
            let id = self.find_or_make(&first).ok_or(Died)?;
            if !members.contains(&id) {
                members.push(id);
            }
        }
        let had = self.store.ticket(ticket).role(role).clone();
        let added: Vec<u64> = members.iter().filter(|id| !had.contains(id)).copied().collect();
        let mut gone: Vec<u64> = had.into_iter().filter(|id| !members.contains(id)).collect();
        gone.sort_by_key(u64::to_string);
        let mut sentences: Vec<String> = added.into_iter().map(|id| self.add_watcher(ticket, role, id)).collect();
        sentences.extend(gone.into_iter().map(|id| self.drop_watcher(ticket, role, id)));
        Ok(sentences)
    }

    fn add_watcher(&mut self, ticket: u64, role: Role, user: u64) -> String {
        self.store.ticket_mut(ticket).role_mut(role).push(user);
        self.record_aside(ticket, Draft::change("AddWatcher", role.name(), None, Some(user.to_string())));
        format!("Added {} as {} for this ticket", self.store.user_name(user), role.name())
    }

    fn drop_watcher(&mut self, ticket: u64, role: Role, user: u64) -> String {
        self.store.ticket_mut(ticket).role_mut(role).retain(|id| *id != user);
        self.record_aside(ticket, Draft::change("DelWatcher", role.name(), Some(user.to_string()), None));
        format!("{} is no longer {} for this ticket", self.store.user_name(user), role.name())
    }
}
