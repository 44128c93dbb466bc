//! What both desks would agree a ticket is: plain data, no I/O.
//!
//! Values are the ones that the desk itself uses (a status `open`, a group's name, a person's id at that desk);
//! `merge` turns one desk's values into the other's. What a desk did not tell is absent from a map, which means
//! *unknown* and is never merged; what it said to be empty is [`field::Value::Empty`].

pub mod body;
pub mod capability;
pub mod field;
pub mod id;
pub mod mapping;
pub mod notice;
pub mod person;
pub mod policy;
pub mod schema;
pub mod scope;
pub mod survey;
pub mod ticket;
pub mod window;
pub mod write;

/// The two ends of a mirror. Which of them leads a field is the pair's authority, not the side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    #[default]
    Source,
    Target,
}

impl Side {
    /// The word stored in the ledger and shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Source => "source",
            Side::Target => "target",
        }
    }

    /// The other end.
    pub fn other(self) -> Side {
        match self {
            Side::Source => Side::Target,
            Side::Target => Side::Source,
        }
    }
}
