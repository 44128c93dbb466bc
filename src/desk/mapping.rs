//! How the source's fields and words become the target's, and back. Pure data and pure functions.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::field::{FieldKey, Value};

/// The name that stands for every desk's own field which is not listed: `custom:*`.
pub const EVERY: &str = "*";

/// Fields, words and people of the source in the target's terms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Source field to target field; `None`: not carried. Plain fields that are not listed go into the field of the same
    /// name, a desk's own fields that are not listed follow `custom:*`, and are not carried without it.
    pub fields: BTreeMap<FieldKey, Option<FieldKey>>,
    /// By source field. A field without a table keeps its words.
    pub tables: BTreeMap<FieldKey, Table>,
    /// Addresses that differ: source to target, lower case.
    pub people: BTreeMap<String, String>,
}

/// Words of one field. The word `""` is the empty value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub words: BTreeMap<String, String>,
    pub other: Other,
}

/// What becomes of a word that the table does not list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Other {
    #[default]
    Unmapped,
    /// It keeps its spelling.
    Same,
    /// It becomes this word.
    Word(String),
}

/// A value in the other desk's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    Value(Value),
    /// The words that the mapping does not know; nothing of the value is used.
    Unmapped(Vec<String>),
}

impl Mapping {
    /// The target's field that this source field goes into; `None`: it is not carried.
    pub fn field<'a>(&'a self, source: &'a FieldKey) -> Option<&'a FieldKey> {
        let FieldKey::Custom(_) = source else {
            return self.fields.get(source).map_or(Some(source), Option::as_ref);
        };
        let every = FieldKey::custom(EVERY);
        match self.fields.get(source).or_else(|| self.fields.get(&every))? {
            Some(target) if *target == every => Some(source),
            target => target.as_ref(),
        }
    }

    /// Whether the mapping says something about this source field, even if only that it is not carried.
    pub fn speaks_of(&self, source: &FieldKey) -> bool {
        !matches!(source, FieldKey::Custom(_))
            || self.fields.contains_key(source)
            || self.fields.contains_key(&FieldKey::custom(EVERY))
    }

    /// A value of a source field in the target's words. People pass through: they are linked by id, not by word.
    pub fn value(&self, source: &FieldKey, value: &Value) -> Mapped {
        match self.tables.get(source) {
            Some(table) => table.forward(value),
            None => Mapped::Value(value.clone()),
        }
    }

    /// The source value that a target value stands for, given what the source held before: where `before` already maps to
    /// `target`, that is `before` itself, and words of `before` that still hold are kept. So [`Mapping::value`] of the
    /// answer is `target` again, and nothing that the target cannot tell apart is changed.
    pub fn inverse(&self, source: &FieldKey, before: &Value, target: &Value) -> Mapped {
        match self.tables.get(source) {
            Some(table) => table.backward(before, target),
            None => Mapped::Value(target.clone()),
        }
    }

    /// The address that stands at the target for a source address, where the mapping names another.
    pub fn address(&self, source: &str) -> Option<&str> {
        self.people.get(&source.to_lowercase()).map(String::as_str)
    }

    /// The first source address that [`Mapping::address`] turns into this target address.
    pub fn source_address(&self, target: &str) -> Option<&str> {
        let target = target.to_lowercase();
        self.people.iter().find(|(_, to)| **to == target).map(|(from, _)| from.as_str())
    }

    /// Twelve hexadecimal digits that change when anything in the mapping does.
    pub fn version(&self) -> String {
        let json = serde_json::to_vec(self).expect("text, sets and tables with text keys are always JSON");
        Sha256::digest(&json).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Table {
    /// A word in the target's spelling; `""` for none.
    pub fn word<'a>(&'a self, source: &'a str) -> Option<&'a str> {
        match (self.words.get(source), &self.other) {
            (Some(word), _) => Some(word),
            // The empty value is not a word that somebody forgot to list.
            (None, _) if source.is_empty() => Some(""),
            (None, Other::Same) => Some(source),
            (None, Other::Word(word)) => Some(word),
            (None, Other::Unmapped) => None,
        }
    }

    fn forward(&self, value: &Value) -> Mapped {
        match value {
            Value::Person(_) | Value::People(_) => Mapped::Value(value.clone()),
            Value::Empty => self.one(""),
            Value::Text(text) => self.one(text),
            Value::Set(set) => {
                let unknown = set.iter().filter(|word| self.word(word).is_none()).cloned();
                known_or(unknown.collect(), || {
                    Value::set(set.iter().filter_map(|word| self.word(word)).filter(|word| !word.is_empty()))
                })
            }
        }
    }

    fn one(&self, word: &str) -> Mapped {
        match self.word(word) {
            Some(word) => Mapped::Value(Value::text(word)),
            None => Mapped::Unmapped(vec![word.to_string()]),
        }
    }

    fn backward(&self, before: &Value, target: &Value) -> Mapped {
        if self.reads(before, target) {
            return Mapped::Value(before.clone());
        }
        let found = match (before, target) {
            (_, Value::Person(_) | Value::People(_)) => return Mapped::Value(target.clone()),
            (Value::Set(before), _) => self.set_back(before, &target.words()),
            (_, Value::Set(_)) => self.set_back(&BTreeSet::new(), &target.words()),
            (_, Value::Text(text)) => self.one_back(text),
            (_, Value::Empty) => self.one_back(""),
        };
        match found {
            Mapped::Value(value) if !self.reads(&value, target) => Mapped::Unmapped(words_of(target)),
            found => found,
        }
    }

    /// Whether `source` becomes what `target` says; a text and a set of one word say the same.
    fn reads(&self, source: &Value, target: &Value) -> bool {
        matches!(self.forward(source), Mapped::Value(value) if value.words() == target.words() && value.persons() == target.persons())
    }

    fn one_back(&self, target: &str) -> Mapped {
        match self.word_back(target) {
            Some(word) => Mapped::Value(Value::text(word)),
            None => Mapped::Unmapped(vec![target.to_string()]),
        }
    }

    /// Words of `before` that the target does not show (they map to nothing) stay; of those that map to a word which is
    /// still there, all stay; words that are new are looked up.
    fn set_back(&self, before: &BTreeSet<String>, target: &[&str]) -> Mapped {
        let still = |word: &&String| self.word(word).is_some_and(|to| to.is_empty() || target.contains(&to));
        let kept: BTreeSet<&String> = before.iter().filter(still).collect();
        let new = target.iter().filter(|to| !kept.iter().any(|word| self.word(word) == Some(**to)));
        let (found, unknown): (Vec<_>, Vec<_>) = new.map(|to| (*to, self.word_back(to))).partition(|(_, from)| from.is_some());
        known_or(unknown.iter().map(|(to, _)| to.to_string()).collect(), || {
            let found = found.into_iter().filter_map(|(_, from)| from).map(str::to_string);
            Value::set(kept.into_iter().cloned().chain(found))
        })
    }

    /// A source word that maps to `target`: itself if it does, else the first in the alphabet that is listed.
    fn word_back<'a>(&'a self, target: &'a str) -> Option<&'a str> {
        if self.word(target) == Some(target) && self.tells(target) {
            return Some(target);
        }
        self.words.iter().find(|(_, to)| *to == target).map(|(from, _)| from.as_str())
    }

    /// `other = Word(w)` makes of every unlisted word a `w`, `w` itself too; that says nothing about the source having it.
    fn tells(&self, word: &str) -> bool {
        word.is_empty() || self.words.contains_key(word) || self.other == Other::Same
    }
}

fn words_of(value: &Value) -> Vec<String> {
    match value.words() {
        words if words.is_empty() => vec![String::new()],
        words => words.into_iter().map(str::to_string).collect(),
    }
}

fn known_or(unknown: Vec<String>, value: impl FnOnce() -> Value) -> Mapped {
    if unknown.is_empty() { Mapped::Value(value()) } else { Mapped::Unmapped(unknown) }
}
