//! Users: finding them by what callers write, and making them.

use super::store::{NOBODY, Object, RT_SYSTEM, Store, Transaction, User};
use super::work::Work;

/// A user that is to be made.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    pub name: String,
    pub email: String,
    pub real_name: String,
    pub organization: String,
    pub comments: String,
    pub privileged: bool,
    pub disabled: bool,
}

/// An address as people write it: `Name <address>` or the address alone.
pub fn parse_address(text: &str) -> Option<(String, String)> {
    let (name, address) = match text.split_once('<') {
        Some((name, rest)) => (name.trim().trim_matches('"'), rest.trim_end().strip_suffix('>')?),
        None => ("", text.trim()),
    };
    let (local, domain) = address.split_once('@')?;
    let plain = !address.contains(char::is_whitespace) && !domain.contains('@');
    (plain && !local.is_empty() && !domain.is_empty()).then(|| (name.to_owned(), address.to_owned()))
}

impl Store {
    /// Whether this user may own tickets: RT grants it to privileged users here, and Nobody owns what nobody owns.
    pub fn may_own(&self, user: &User) -> bool {
        user.id == NOBODY || (user.privileged && !user.disabled)
    }

    /// The name of a new transaction of something that is no ticket; `data` is not kept for those.
    pub fn record_object(&mut self, object: Object, kind: &str, creator: u64, at: chrono::DateTime<chrono::Utc>) -> u64 {
        self.last.transaction += 1;
        let row = Transaction {
            id: self.last.transaction,
            object,
            kind: kind.to_owned(),
            field: None,
            old: None,
            new: None,
            data: None,
            taken: 0,
            creator,
            created: at,
            attachments: Vec::new(),
            values: std::collections::BTreeMap::new(),
        };
        self.transactions.insert(row.id, row);
        self.last.transaction
    }

    /// Makes a user; the caller has looked that name and address are free. Uses up two principals and a transaction.
    pub fn add_user(&mut self, new: NewUser, creator: u64, at: chrono::DateTime<chrono::Utc>) -> u64 {
        self.last.principal += 2;
        let id = self.last.principal;
        let transaction = self.record_object(Object::User(id), "Create", creator, at);
        self.names.insert(new.name.to_lowercase(), id);
        if !new.email.is_empty() {
            self.emails.insert(new.email.to_lowercase(), id);
        }
        let user = User {
            id,
            name: new.name,
            email: new.email,
            real_name: new.real_name,
            organization: new.organization,
            comments: new.comments,
            privileged: new.privileged,
            disabled: new.disabled,
            created: at,
            creator,
            updated: at,
            updated_by: creator,
            transactions: vec![transaction],
        };
        self.users.insert(id, user);
        id
    }
}

impl Work<'_> {
    /// Somebody as a role of a ticket is written: a user's id or name, or an address, whose user is made if there is none.
    pub fn find_or_make(&mut self, text: &str) -> Option<u64> {
        if let Some(user) = self.store.user(text).or_else(|| self.store.user_by_email(text)) {
            return Some(user.id);
        }
        let (real_name, email) = parse_address(text)?;
        if let Some(user) = self.store.user_by_email(&email) {
            return Some(user.id);
        }
        let comments = "Autocreated when added as a watcher".to_owned();
        let new = NewUser { name: email.clone(), email, real_name, comments, ..NewUser::default() };
        Some(self.store.add_user(new, RT_SYSTEM, self.at))
    }

    /// Everybody in a list separated by commas; those who cannot be found are left out.
    pub fn find_or_make_all(&mut self, texts: &[String]) -> Vec<u64> {
        let mut found = Vec::new();
        for text in texts.iter().flat_map(|text| text.split(',')) {
            if let Some(id) = self.find_or_make(text.trim()).filter(|id| *id != NOBODY && !found.contains(id)) {
                found.push(id);
            }
        }
        found
    }
}
