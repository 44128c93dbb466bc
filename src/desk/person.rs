//! People as one desk knows them.

use serde::{Deserialize, Serialize};

use super::id::PersonId;

/// What somebody is at a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Customer,
    Agent,
}

/// A customer or agent of one desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
    /// The address that the desk would write to; `None` for phone or chat customers.
    pub email: Option<String>,
    pub role: Role,
    /// Suspended customers and departed agents are not active. They stay authors; nobody activates them.
    pub active: bool,
}

/// A person that the target does not have yet. Never an agent: seats are bought by people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPerson {
    /// Our key for it: `tidegate:<mirror>:p:<source person id>`; kept by the desk where it can, to be found again.
    pub key: String,
    pub name: String,
    /// `None` makes a person without a mailable address.
    pub email: Option<String>,
    pub active: bool,
}

/// What became of a customer who was to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// Gone, or was gone already.
    Removed,
    /// They are there, and why; half a sentence: `RT deletes no users`.
    Stays(String),
}
