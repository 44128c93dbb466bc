//! Why a field was written, and why one was not: kept with the write and with the base, for those who ask later.

use serde::{Deserialize, Serialize};

use crate::desk::field::FieldKey;

use super::field::Three;

/// Why a field was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The ticket was made with it.
    #[default]
    Made,
    /// Only the leading desk has changed since both agreed.
    News,
    /// Nothing was agreed on before, and the following desk held nothing.
    FirstWord,
    /// A set: what the leading desk added or took out, the rest is the following desk's.
    Union,
    /// Both changed, and the leading desk wins.
    Won,
    /// A person decided it.
    Ruled,
    /// An interruption had left it unwritten.
    Owed,
    /// The mapping was changed, and an operator had it written again.
    Remapped,
    /// Our own message may have changed it.
    Stands,
    /// The customer wrote at the desk that does not lead, which opened the ticket.
    Answered,
    /// A tag of ours.
    OurTag,
}

impl Reason {
    /// For people.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::Made => "the ticket was made with it",
            Reason::News => "only the leading desk had changed it since both agreed",
            Reason::FirstWord => "nothing was agreed on before, and the other desk held nothing",
            Reason::Union => "what the leading desk added or took out; the rest of the set is the other desk's",
            Reason::Won => "both desks had changed it, and the mirror's policy lets the leading desk win",
            Reason::Ruled => "a person decided it",
            Reason::Owed => "it was still owed after an interruption",
            Reason::Remapped => "the mapping was changed and applied with --reapply",
            Reason::Stands => "it has to stand after a message of ours, which may change it",
            Reason::Answered => "the customer wrote at the other desk, which opened the ticket that was done",
            Reason::OurTag => "a tag of Tidegate's own",
        }
    }

    /// Why a decision to write came about.
    pub(super) fn of(three: &Three<'_>) -> Self {
        if three.is_set() {
            Reason::Union
        } else if three.base.is_none() {
            Reason::FirstWord
        } else {
            Reason::News
        }
    }
}

/// A field of the leading ticket that holds something and is not carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The source desk's field.
    pub field: FieldKey,
    pub why: Absence,
}

/// Why a field is not carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// The mapping ignores it, or does not speak of it.
    Ignored,
    /// The mapping has no word for these.
    Unmapped(Vec<String>),
    /// The following ticket shows no such field.
    NoPlace,
    /// Nobody is known yet for a person in it.
    Nobody,
}

impl Absence {
    /// For people.
    pub fn sentence(&self) -> String {
        match self {
            Absence::Ignored => "the mirror file ignores it".to_string(),
            Absence::Unmapped(words) => format!("the mapping has no word for `{}`", words.join("`, `")),
            Absence::NoPlace => "the other ticket has no such field".to_string(),
            Absence::Nobody => "a person in it is not known at the other desk yet".to_string(),
        }
    }
}
