//! Users and organisations in the store.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// A user: customer, agent or admin.
#[derive(Debug, Clone)]
pub struct User {
    pub id: u64,
    pub name: String,
    pub email: Option<String>,
    /// `end-user`, `agent`, `admin`.
    pub role: String,
    /// False once deleted.
    pub active: bool,
    pub suspended: bool,
    pub verified: bool,
    pub external_id: Option<String>,
    pub organization: Option<u64>,
    pub default_group: Option<u64>,
    pub tags: BTreeSet<String>,
    /// Fields that the desk only keeps: phone, notes, details, locale, time zone, user fields.
    pub kept: Map<String, Value>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

impl User {
    /// A customer of whom only the address is known.
    pub fn customer(id: u64, name: &str, email: Option<&str>, at: DateTime<Utc>) -> Self {
        Self {
            id,
            name: name.to_string(),
            email: email.map(str::to_lowercase),
            role: "end-user".to_string(),
            active: true,
            suspended: false,
            verified: false,
            external_id: None,
            organization: None,
            default_group: None,
            tags: BTreeSet::new(),
            kept: Map::new(),
            created_at: at,
            updated_at: at,
        }
    }

    /// Agents and admins.
    pub fn is_staff(&self) -> bool {
        self.role != "end-user"
    }

    /// The address, or the name of somebody without one.
    pub fn address(&self) -> String {
        self.email.clone().unwrap_or_else(|| self.name.clone())
    }
}

/// An organisation.
#[derive(Debug, Clone)]
pub struct Organization {
    pub id: u64,
    pub name: String,
    pub external_id: Option<String>,
    pub domains: Vec<String>,
    pub tags: BTreeSet<String>,
    pub kept: Map<String, Value>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// All users and organisations.
#[derive(Debug, Default)]
pub struct People {
    pub users: BTreeMap<u64, User>,
    pub organizations: BTreeMap<u64, Organization>,
    /// Group id to the agents in it.
    pub members: BTreeMap<u64, BTreeSet<u64>>,
    emails: HashMap<String, u64>,
    external_ids: HashMap<String, u64>,
}

impl People {
    /// A user by address, whatever the case.
    pub fn by_email(&self, email: &str) -> Option<&User> {
        self.users.get(self.emails.get(&email.trim().to_lowercase())?)
    }

    /// A user by external id, whatever the case (as documented).
    pub fn by_external_id(&self, key: &str) -> Option<&User> {
        self.users.get(self.external_ids.get(&key.to_lowercase())?)
    }

    /// Stores a user, new or changed.
    pub fn put(&mut self, user: User) {
        if let Some(old) = self.users.get(&user.id) {
            if let Some(email) = old.email.as_ref().filter(|_| old.active) {
                self.emails.remove(email);
            }
            if let Some(key) = &old.external_id {
                self.external_ids.remove(&key.to_lowercase());
            }
        }
        // The address of a deleted user is free for another.
        if let Some(email) = user.email.as_ref().filter(|_| user.active) {
            self.emails.insert(email.clone(), user.id);
        }
        if let Some(key) = &user.external_id {
            self.external_ids.insert(key.to_lowercase(), user.id);
        }
        self.users.insert(user.id, user);
    }

    /// Whether the agent is in the group.
    pub fn is_member(&self, group: u64, agent: u64) -> bool {
        self.members.get(&group).is_some_and(|members| members.contains(&agent))
    }

    /// The address of a user, or the name.
    pub fn address(&self, id: u64) -> String {
        self.users.get(&id).map(User::address).unwrap_or_default()
    }

    /// An organisation by its name, whatever the case.
    pub fn organization_named(&self, name: &str) -> Option<&Organization> {
        self.organizations.values().find(|organization| organization.name.eq_ignore_ascii_case(name.trim()))
    }
}
