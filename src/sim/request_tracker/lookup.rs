//! Finding queues, users and custom fields by what callers write.

use super::store::{Field, Queue, Store, User};
use super::world::GATEWAY;

impl Store {
    /// The custom fields of tickets of a queue, by id.
    pub fn ticket_fields(&self, queue: u64) -> impl Iterator<Item = &Field> {
        self.fields.values().filter(move |field| !field.of_transactions && !field.disabled && field.queues.contains(&queue))
    }

    /// Those of them that the gateway's user may see.
    pub fn shown_fields(&self, queue: u64) -> impl Iterator<Item = &Field> {
        self.ticket_fields(queue).filter(|field| self.shows(field))
    }

    /// Whether the gateway's user may see a custom field.
    pub fn shows(&self, field: &Field) -> bool {
        !self.settings.unseen_fields.contains(&field.name)
    }

    /// Whether a user may change the values of a custom field.
    pub fn may_change(&self, user: u64, field: &Field) -> bool {
        self.user_name(user) != GATEWAY || !self.settings.locked_fields.contains(&field.name)
    }

    /// The custom fields of transactions of a queue, by id.
    pub fn transaction_fields(&self, queue: u64) -> impl Iterator<Item = &Field> {
        self.fields.values().filter(move |field| field.of_transactions && !field.disabled && field.queues.contains(&queue))
    }

    /// A custom field of a queue by id or name (case does not matter).
    pub fn field(&self, queue: u64, of_transactions: bool, key: &str) -> Option<&Field> {
        let wanted = |field: &&Field| {
            field.queues.contains(&queue) && field.of_transactions == of_transactions && !field.disabled && named(field, key)
        };
        self.fields.values().find(wanted)
    }

    /// A queue by id or name (case does not matter).
    pub fn queue(&self, key: &str) -> Option<&Queue> {
        match key.parse::<u64>() {
            Ok(id) => self.queues.get(&id),
            Err(_) => self.queues.values().find(|queue| queue.name.eq_ignore_ascii_case(key)),
        }
    }

    /// A user by id or name (case does not matter).
    pub fn user(&self, key: &str) -> Option<&User> {
        let by_name = || self.names.get(&key.to_lowercase()).and_then(|id| self.users.get(id));
        key.parse::<u64>().ok().and_then(|id| self.users.get(&id)).or_else(by_name)
    }

    /// A user by e-mail address (case does not matter).
    pub fn user_by_email(&self, email: &str) -> Option<&User> {
        self.emails.get(&email.to_lowercase()).and_then(|id| self.users.get(id))
    }

    /// The name of a user.
    pub fn user_name(&self, id: u64) -> &str {
        self.users.get(&id).map_or("", |user| user.name.as_str())
    }
}

fn named(field: &Field, key: &str) -> bool {
    field.name.eq_ignore_ascii_case(key) || key.parse() == Ok(field.id)
}
