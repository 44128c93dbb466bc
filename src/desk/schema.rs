//! The fields of a desk and the values that they take.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::field::FieldKey;

/// Every field of a desk, the plain ones too, and what may stand in it: what a mapping is checked against.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    pub fields: BTreeMap<FieldKey, FieldSchema>,
}

/// One field of a desk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldSchema {
    pub kind: FieldKind,
    /// The values that may be chosen; `None` where any value will do.
    pub options: Option<BTreeSet<String>>,
    pub required: bool,
}

/// What kind of value a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    Text,
    LongText,
    Choice,
    MultiChoice,
    /// Words without a list (tags, RT's multiple free-form fields).
    Words,
    Integer,
    Decimal,
    Date,
    DateTime,
    Checkbox,
    /// The id of something in that very desk; it means nothing in another.
    Reference,
    Person,
    People,
}

impl FieldKind {
    /// For people: `a choice of one`.
    pub fn words(self) -> &'static str {
        match self {
            FieldKind::Text => "a line of text",
            FieldKind::LongText => "a long text",
            FieldKind::Choice => "a choice of one",
            FieldKind::MultiChoice => "a choice of several",
            FieldKind::Words => "a list of words",
            FieldKind::Integer => "a whole number",
            FieldKind::Decimal => "a number",
            FieldKind::Date => "a day",
            FieldKind::DateTime => "a time",
            FieldKind::Checkbox => "a check box",
            FieldKind::Reference => "an id of its own desk",
            FieldKind::Person => "a person",
            FieldKind::People => "people",
        }
    }
}
