//! Zendesk's JSON as far as we read it. Unknown keys are ignored; a key that may be missing is an `Option` or empty.
//!
//! Shapes as documented by Zendesk in the OpenAPI description of the Support API and in the references of ticket audit
//! events and via objects.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// An id: a number in the REST API, a string in events. Larger than a double can hold, so it is never one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Id(String);

impl Id {
    /// Takes an id as text.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a number, to tell which of two was made later.
    pub fn number(&self) -> i64 {
        self.0.parse().unwrap_or(i64::MAX)
    }

    /// From a JSON number or string; `None` for anything else, the empty string too.
    pub fn of(value: &Value) -> Option<Id> {
        match value {
            Value::Number(number) => Some(Id(number.to_string())),
            Value::String(text) if !text.is_empty() => Some(Id(text.clone())),
            _ => None,
        }
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Id::of(&value).ok_or_else(|| serde::de::Error::custom("an id is a number or a string"))
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.parse::<i64>() {
            Ok(number) => serializer.serialize_i64(number),
            Err(_) => serializer.serialize_str(&self.0),
        }
    }
}

/// `null` where a list is expected is an empty list.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// A ticket. What the desk did not tell is not in `rest`, which is not the same as `null`.
#[derive(Debug, Clone, Deserialize)]
pub struct Ticket {
    pub id: Id,
    pub external_id: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub generated_timestamp: Option<i64>,
    #[serde(default)]
    pub status: String,
    pub tags: Option<Vec<String>>,
    pub custom_fields: Option<Vec<FieldValue>>,
    pub via: Option<Via>,
    /// All other keys: subject, priority, type, the ids of people, group, brand, form and organisation, …
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Ticket {
    /// The id under this key, if it was told and is not null.
    pub fn id_at(&self, key: &str) -> Option<Id> {
        self.rest.get(key).and_then(Id::of)
    }

    /// The ids under this key, if they were told.
    pub fn ids_at(&self, key: &str) -> Option<Vec<Id>> {
        match self.rest.get(key)? {
            Value::Array(items) => Some(items.iter().filter_map(Id::of).collect()),
            _ => Some(Vec::new()),
        }
    }
}

/// The value of a custom field.
#[derive(Debug, Clone, Deserialize)]
pub struct FieldValue {
    pub id: Id,
    #[serde(default)]
    pub value: Value,
}

/// How something came about.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Via {
    /// A word (`rule`, `merge`, `web`) or its number.
    #[serde(default)]
    pub channel: Value,
    #[serde(default)]
    pub source: Option<ViaSource>,
}

/// Where it came from and went to; shapes differ by channel.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ViaSource {
    #[serde(default)]
    pub from: Value,
    #[serde(default)]
    pub to: Value,
    pub rel: Option<String>,
}

impl Via {
    /// Whether the channel is this word or this number of Zendesk's list of via types.
    pub fn is(&self, word: &str, number: i64) -> bool {
        self.channel.as_str() == Some(word) || self.channel.as_i64() == Some(number)
    }

    /// The relation of its source, or nothing.
    pub fn rel(&self) -> &str {
        self.source.as_ref().and_then(|source| source.rel.as_deref()).unwrap_or_default()
    }
}

/// A comment of a ticket.
#[derive(Debug, Clone, Deserialize)]
pub struct Comment {
    pub id: Id,
    pub author_id: Option<Id>,
    pub body: Option<String>,
    pub html_body: Option<String>,
    pub plain_body: Option<String>,
    #[serde(default)]
    pub public: bool,
    pub created_at: DateTime<Utc>,
    #[serde(default, deserialize_with = "list")]
    pub attachments: Vec<Attachment>,
    pub audit_id: Option<Id>,
    #[serde(default)]
    pub metadata: Value,
    pub via: Option<Via>,
}

/// A file of a comment.
#[derive(Debug, Clone, Deserialize)]
pub struct Attachment {
    pub id: Id,
    #[serde(default)]
    pub file_name: String,
    #[serde(default)]
    pub content_type: String,
    #[serde(default)]
    pub content_url: String,
    pub mapped_content_url: Option<String>,
    pub size: Option<u64>,
    #[serde(default)]
    pub inline: bool,
    #[serde(default)]
    pub deleted: bool,
    pub malware_scan_result: Option<String>,
    #[serde(default)]
    pub malware_access_override: bool,
}

/// One update of a ticket and all that happened in it.
#[derive(Debug, Clone, Deserialize)]
pub struct Audit {
    pub id: Id,
    pub author_id: Option<Id>,
    pub created_at: DateTime<Utc>,
    #[serde(default, deserialize_with = "list")]
    pub events: Vec<Event>,
    #[serde(default)]
    pub metadata: Value,
    pub via: Option<Via>,
}

/// One thing that happened in an audit.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    #[serde(default)]
    pub id: Value,
    #[serde(default, rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub field_name: Value,
    #[serde(default)]
    pub value: Value,
    #[serde(default)]
    pub previous_value: Value,
    /// Of a comment: its files, without the inline ones.
    pub attachments: Option<Vec<Value>>,
    /// Of a notification: ids of users.
    #[serde(default, deserialize_with = "list")]
    pub recipients: Vec<Value>,
    /// Of a satisfaction rating: `offered` when the customer was asked for it.
    #[serde(default)]
    pub score: Value,
    pub via: Option<Via>,
}

/// A user.
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    pub id: Option<Id>,
    #[serde(default)]
    pub name: String,
    pub email: Option<String>,
    pub external_id: Option<String>,
    #[serde(default)]
    pub role: String,
    pub active: Option<bool>,
    pub suspended: Option<bool>,
}

/// A group, brand, form or organisation: all have an id and a name.
#[derive(Debug, Clone, Deserialize)]
pub struct Named {
    pub id: Id,
    #[serde(default)]
    pub name: String,
}

/// A ticket field.
#[derive(Debug, Clone, Deserialize)]
pub struct TicketField {
    pub id: Id,
    #[serde(default)]
    pub title: String,
    #[serde(default, rename = "type")]
    pub kind: String,
    #[serde(default = "yes")]
    pub active: bool,
    #[serde(default)]
    pub required: bool,
    pub tag: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub custom_field_options: Vec<FieldOption>,
}

fn yes() -> bool {
    true
}

/// A value that may be chosen; the value is also the tag.
#[derive(Debug, Clone, Deserialize)]
pub struct FieldOption {
    #[serde(default)]
    pub value: String,
}

/// A status that agents choose, in one of the five categories.
#[derive(Debug, Clone, Deserialize)]
pub struct CustomStatus {
    pub id: Id,
    #[serde(default)]
    pub agent_label: String,
    #[serde(default)]
    pub status_category: String,
    #[serde(default)]
    pub default: bool,
    #[serde(default = "yes")]
    pub active: bool,
}

/// Where the next page of a list is.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Meta {
    #[serde(default)]
    pub has_more: bool,
    pub after_cursor: Option<String>,
}

/// One page of the cursor export.
#[derive(Debug, Clone, Deserialize)]
pub struct Export {
    #[serde(deserialize_with = "list")]
    pub tickets: Vec<Ticket>,
    pub after_cursor: Option<String>,
    #[serde(default)]
    pub end_of_stream: bool,
}

/// A ticket in the list of deleted ones.
#[derive(Debug, Clone, Deserialize)]
pub struct DeletedTicket {
    pub id: Id,
    /// Not always RFC 3339 in the documents' own examples.
    pub deleted_at: Option<String>,
}

/// A background job.
#[derive(Debug, Clone, Deserialize)]
pub struct Job {
    pub id: String,
    #[serde(default)]
    pub status: String,
    pub message: Option<String>,
    #[serde(default)]
    pub results: Value,
}

/// A registered webhook.
#[derive(Debug, Clone, Deserialize)]
pub struct Hook {
    pub id: String,
    #[serde(default)]
    pub name: String,
}
