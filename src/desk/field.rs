//! Fields of a ticket: a key that both desks understand and a value in the desk's own words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::id::PersonId;

/// Which field. Written `subject`, `status`, …, and `custom:<name>` for a desk's own fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldKey {
    Subject,
    Status,
    Priority,
    Type,
    /// Zendesk group, RT queue: by name.
    Group,
    Brand,
    Form,
    Assignee,
    Requester,
    /// By name.
    Organisation,
    /// Other customers who receive public messages.
    Cc,
    /// Agents who follow silently (Zendesk followers, RT AdminCc).
    Followers,
    Tags,
    /// RFC 3339, UTC.
    Due,
    /// A desk's own field, by the name that the desk shows.
    Custom(String),
}

const PLAIN: [(&str, FieldKey); 14] = [
    ("subject", FieldKey::Subject),
    ("status", FieldKey::Status),
    ("priority", FieldKey::Priority),
    ("type", FieldKey::Type),
    ("group", FieldKey::Group),
    ("brand", FieldKey::Brand),
    ("form", FieldKey::Form),
    ("assignee", FieldKey::Assignee),
    ("requester", FieldKey::Requester),
    ("organisation", FieldKey::Organisation),
    ("cc", FieldKey::Cc),
    ("followers", FieldKey::Followers),
    ("tags", FieldKey::Tags),
    ("due", FieldKey::Due),
];

impl FieldKey {
    /// A desk's own field.
    pub fn custom(name: impl Into<String>) -> Self {
        FieldKey::Custom(name.into())
    }

    /// Every field that is not a desk's own, with the word it is written as.
    pub fn plain() -> impl Iterator<Item = &'static str> {
        PLAIN.iter().map(|(word, _)| *word)
    }
}

impl fmt::Display for FieldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let FieldKey::Custom(name) = self {
            return write!(f, "custom:{name}");
        }
        let word = PLAIN.iter().find(|(_, key)| key == self).map(|(word, _)| *word);
        f.write_str(word.expect("every plain field is in the table"))
    }
}

/// The word names no field; plain fields are listed in [`FieldKey::plain`], others start with `custom:`.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("`{0}` is no field; use one of subject, status, …, or `custom:<name>`")]
pub struct NoSuchField(pub String);

impl FromStr for FieldKey {
    type Err = NoSuchField;

    fn from_str(word: &str) -> Result<Self, NoSuchField> {
        if let Some(name) = word.strip_prefix("custom:")
            && !name.is_empty()
        {
            return Ok(FieldKey::custom(name));
        }
        let plain = PLAIN.iter().find(|(plain, _)| *plain == word);
        plain.map(|(_, key)| key.clone()).ok_or_else(|| NoSuchField(word.to_string()))
    }
}

impl Serialize for FieldKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FieldKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}

/// What a field holds, in the desk's own words.
///
/// Numbers, dates and check boxes are `Text` in their canonical spelling: `12.5`, `2027-03-04T05:06:07Z`, `2027-03-04`,
/// `true`. A desk's connector writes and reads that spelling, whatever its wire format is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    Empty,
    Text(String),
    Set(BTreeSet<String>),
    Person(PersonId),
    People(BTreeSet<PersonId>),
}

impl Value {
    /// Whether it has members, each of which is decided by itself.
    pub fn is_set(&self) -> bool {
        matches!(self, Value::Set(_) | Value::People(_))
    }

    /// Text, or `Empty` for the empty string.
    pub fn text(text: impl Into<String>) -> Value {
        let text = text.into();
        if text.is_empty() { Value::Empty } else { Value::Text(text) }
    }

    /// A set of words; an empty set is `Empty`.
    pub fn set<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Value {
        let set: BTreeSet<String> = items.into_iter().map(Into::into).collect();
        if set.is_empty() { Value::Empty } else { Value::Set(set) }
    }

    /// A set of people; an empty set is `Empty`.
    pub fn people(items: impl IntoIterator<Item = PersonId>) -> Value {
        let set: BTreeSet<PersonId> = items.into_iter().collect();
        if set.is_empty() { Value::Empty } else { Value::People(set) }
    }

    /// The words in it: one for a text, all of a set, none if empty or about people.
    pub fn words(&self) -> Vec<&str> {
        match self {
            Value::Text(text) => vec![text],
            Value::Set(set) => set.iter().map(String::as_str).collect(),
            Value::Empty | Value::Person(_) | Value::People(_) => Vec::new(),
        }
    }

    /// The people in it.
    pub fn persons(&self) -> Vec<&PersonId> {
        match self {
            Value::Person(person) => vec![person],
            Value::People(people) => people.iter().collect(),
            Value::Empty | Value::Text(_) | Value::Set(_) => Vec::new(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Empty => f.write_str("(empty)"),
            Value::Text(text) => f.write_str(text),
            Value::Set(set) => f.write_str(&set.iter().cloned().collect::<Vec<_>>().join(", ")),
            Value::Person(person) => write!(f, "person {person}"),
            Value::People(people) => {
                let ids: Vec<_> = people.iter().map(PersonId::as_str).collect();
                write!(f, "people {}", ids.join(", "))
            }
        }
    }
}

/// Fields by key. A missing key is unknown, never empty.
pub type Fields = BTreeMap<FieldKey, Value>;
