//! What was agreed about a mirror, as data: how values turn into others, what the target can keep, what happens to deleted
//! tickets. The caller writes it down from the mirror file by hand; nothing here is computed by the code under judgement.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The agreement that is judged by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// The mirror's name: target tickets carry `tidegate:<mirror>:t:<source id>`.
    pub mirror: String,
    /// The fields that are carried, by their name at the source (`status`, `custom:Severity`). Others are not compared.
    pub fields: BTreeMap<String, FieldRule>,
    /// Source tags with another name in the target; the others keep theirs.
    pub tags: BTreeMap<String, String>,
    /// Tags are not carried at all.
    pub without_tags: bool,
    /// Beginnings of tags that the mirror adds on its own (`tidegate`).
    pub own_tags: Vec<String>,
    /// Tags that the target makes of its own accord (of the values of option fields).
    pub ignored_tags: BTreeSet<String>,
    /// Kinds of links, source to target; a kind that is not here is not carried.
    pub links: BTreeMap<String, String>,
    /// People with another address in the target, by their address at the source; `None`: nobody stands for them in fields.
    pub people: BTreeMap<String, Option<String>>,
    /// `cc` is carried.
    pub cc: bool,
    /// `followers` are carried.
    pub followers: bool,
    pub authors: Authors,
    pub times: Times,
    pub deletion: Deletion,
    pub redaction: Redaction,
    /// Inline images are inline in the target too, not only among its files.
    pub keeps_inline: bool,
    /// Files keep their names.
    pub keeps_file_names: bool,
    /// What the target's own rules may have made of a field of a ticket that its agents worked on: `status` → `open` where a
    /// reply opens a ticket; `group` → every group where an assignee brings its own.
    pub target_rules: BTreeMap<String, BTreeSet<String>>,
    /// Words by which a message that a desk or the mirror writes on its own is known (`merged into`, `was deleted`).
    pub notes: Vec<String>,
    /// The addresses that the mirror's credential has in the target: it must cause no mail.
    pub mirror_actors: BTreeSet<String>,
    /// Source tickets that the mirror does not carry.
    pub out_of_scope: BTreeSet<String>,
    /// Target tickets that were there before the story.
    pub older: BTreeSet<String>,
}

/// What one source field becomes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldRule {
    /// The field's name in the target.
    pub target: String,
    pub form: Form,
    /// Value by value.
    pub values: BTreeMap<String, String>,
    /// What a value without an entry becomes; `None`: it keeps its words.
    pub otherwise: Option<String>,
    /// What an empty source field is in the target, and what the field is there before anybody sets it, where that is not
    /// empty (RT's priority: `0`).
    pub empty: Option<String>,
}

/// How two values of a field are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Word for word, white space apart.
    #[default]
    Text,
    /// `12.50` is `12.5`.
    Number,
    /// To the second, in UTC.
    Time,
    /// The day only.
    Day,
    /// Addresses; `people` says who stands for whom.
    People,
}

/// How a message tells who wrote it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authors {
    /// The author is the message's author.
    Kept,
    /// The author's name or address stands in the text, beside what was written.
    Said,
    /// One of both.
    #[default]
    KeptOrSaid,
}

/// How a message tells when it was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Times {
    /// The message has the time at the source.
    Kept,
    /// The day (`2026-11-22`) stands in the text, beside what was written.
    Said,
    /// One of both.
    KeptOrSaid,
    #[default]
    Any,
}

/// What becomes of a ticket that was deleted at the source after it was carried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deletion {
    /// It stays, with this tag.
    Mark(String),
    Delete,
    #[default]
    Leave,
}

/// What is left of a message with redacted words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redaction {
    /// The other words.
    #[default]
    Words,
    /// Perhaps only a sentence instead of the message.
    Message,
}

impl FieldRule {
    /// The same words under another name.
    pub fn same(target: impl Into<String>) -> Self {
        Self { target: target.into(), form: Form::Text, values: BTreeMap::new(), otherwise: None, empty: None }
    }

    /// Value by value.
    pub fn table(target: impl Into<String>, values: &[(&str, &str)]) -> Self {
        let pairs = values.iter().map(|(from, to)| ((*from).to_string(), (*to).to_string()));
        Self { values: pairs.collect(), ..Self::same(target) }
    }

    /// Compared in this form.
    pub fn form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// What values without an entry become.
    pub fn otherwise(self, value: impl Into<String>) -> Self {
        Self { otherwise: Some(value.into()), ..self }
    }

    /// What an empty source field becomes.
    pub fn empty(self, value: impl Into<String>) -> Self {
        Self { empty: Some(value.into()), ..self }
    }
}

impl Rules {
    /// The key of a source ticket in the target.
    pub fn key(&self, source_ticket: &str) -> String {
        format!("{}{source_ticket}", self.key_prefix())
    }

    /// What all keys of this mirror's tickets begin with.
    pub fn key_prefix(&self) -> String {
        format!("tidegate:{}:t:", self.mirror)
    }

    /// Who stands for a source person in the target's fields.
    pub fn person<'a>(&'a self, email: &'a str) -> Option<&'a str> {
        match self.people.get(email) {
            Some(other) => other.as_deref(),
            None => Some(email),
        }
    }
}
