//! RT's JSON, as far as it is read. Ids come as numbers in objects and as strings in lists; empty things come as `""`.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// An id or number that RT writes now as a number, now as a string.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
#[serde(transparent)]
pub struct Word(pub String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)? {
            Json::String(text) => Ok(Word(text)),
            Json::Number(number) => Ok(Word(number.to_string())),
            Json::Bool(flag) => Ok(Word(u8::from(flag).to_string())),
            Json::Null => Ok(Word::default()),
            Json::Object(mut object) => match object.remove("id") {
                Some(Json::String(text)) => Ok(Word(text)),
                Some(Json::Number(number)) => Ok(Word(number.to_string())),
                _ => Err(D::Error::custom("an object without an id")),
            },
            Json::Array(_) => Err(D::Error::custom("a list where a word was expected")),
        }
    }
}

/// A word where RT may write anything: what a transaction changed in a dashboard or a preference is an object or a list, and none
/// of it a word.
fn word_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
    Ok(serde_json::from_value(Json::deserialize(deserializer)?).unwrap_or_default())
}

/// A reference, without an id where RT writes an empty string.
fn reference_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ref, D::Error> {
    match Json::deserialize(deserializer)? {
        Json::String(_) | Json::Null => Ok(Ref::default()),
        told => serde_json::from_value(told).map_err(D::Error::custom),
    }
}

/// A list that RT may write as an empty string, or leave out.
fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    match Json::deserialize(deserializer)? {
        Json::Array(items) => items.into_iter().map(|item| serde_json::from_value(item).map_err(D::Error::custom)).collect(),
        Json::Null | Json::String(_) => Ok(Vec::new()),
        _ => Err(D::Error::custom("a list was expected")),
    }
}

/// A reference to a person, group, queue or ticket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Ref {
    /// A user's Name; the number of everything else.
    pub id: Word,
    #[serde(default, rename = "type")]
    pub kind: String,
    #[serde(default, rename = "Name")]
    pub name: String,
}

/// One page of any list. `total` and `pages` are null unless the user sees everything: they are never relied on.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: serde::de::DeserializeOwned")]
pub struct Page<T> {
    #[serde(deserialize_with = "list")]
    pub items: Vec<T>,
    #[serde(default)]
    pub total: Option<u64>,
}

/// A custom field on a ticket or transaction. Values are texts, or objects for images and binaries.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CustomFieldJson {
    pub id: Word,
    #[serde(default)]
    pub name: String,
    #[serde(default, deserialize_with = "list")]
    pub values: Vec<Json>,
}

impl CustomFieldJson {
    /// The values that are texts.
    pub fn texts(&self) -> Vec<&str> {
        self.values.iter().filter_map(Json::as_str).collect()
    }
}

/// A hyperlink of a ticket; those between tickets have `ref` `depends-on`, `refers-to`, `parent` and their inverses.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LinkJson {
    #[serde(default, rename = "ref")]
    pub relation: String,
    #[serde(default, rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub id: Option<Word>,
}

/// `GET ticket/ID`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TicketJson {
    #[serde(rename = "id")]
    pub id: Word,
    pub status: String,
    /// The key is missing where the subject was never set.
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub priority: Word,
    pub queue: Ref,
    pub owner: Ref,
    #[serde(default, deserialize_with = "list")]
    pub requestor: Vec<Ref>,
    #[serde(default, deserialize_with = "list")]
    pub cc: Vec<Ref>,
    #[serde(default, deserialize_with = "list")]
    pub admin_cc: Vec<Ref>,
    /// `1970-01-01T00:00:00Z` where unset.
    #[serde(default)]
    pub due: String,
    pub created: String,
    pub last_updated: String,
    #[serde(default, deserialize_with = "list")]
    pub custom_fields: Vec<CustomFieldJson>,
    #[serde(default, rename = "_hyperlinks", deserialize_with = "list")]
    pub hyperlinks: Vec<LinkJson>,
}

/// An item of `GET ticket/ID/history` or `GET transactions`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TransactionJson {
    #[serde(rename = "id")]
    pub id: Word,
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(default, deserialize_with = "word_if_any")]
    pub field: Word,
    #[serde(default, deserialize_with = "word_if_any")]
    pub old_value: Word,
    #[serde(default, deserialize_with = "word_if_any")]
    pub new_value: Word,
    #[serde(deserialize_with = "reference_if_any")]
    pub creator: Ref,
    pub created: String,
    #[serde(default)]
    pub object_id: Word,
    #[serde(default)]
    pub object_type: String,
    #[serde(default, deserialize_with = "list")]
    pub custom_fields: Vec<CustomFieldJson>,
}

impl TransactionJson {
    /// The id as a number.
    pub fn number(&self) -> Option<u64> {
        self.id.0.parse().ok()
    }

    /// Whether its fields are told. RT lists a row with empty ones where it does not let us look into it.
    pub fn is_shown(&self) -> bool {
        !self.kind.is_empty() && !self.object_id.0.is_empty() && !self.creator.id.0.is_empty()
    }
}

/// An item of `GET ticket/ID/attachments`: one node of a message's MIME tree. `Parent` is not told there (asking for it is a 500).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PartJson {
    #[serde(rename = "id")]
    pub id: Word,
    pub transaction_id: Word,
    #[serde(default)]
    pub content_type: String,
    #[serde(default)]
    pub filename: String,
    #[serde(default)]
    pub headers: String,
    #[serde(default)]
    pub content_length: Word,
}

/// The text of a part, from the list (where RT decodes it).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TextJson {
    #[serde(rename = "id")]
    pub id: Word,
    #[serde(default)]
    pub content: Option<String>,
}

/// `GET attachment/ID`: `Content` is base64 with line breaks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AttachmentJson {
    /// Always told; an answer without it is not RT's, and not an empty file.
    #[serde(rename = "id")]
    pub id: Word,
    #[serde(default)]
    pub content: Option<String>,
}

/// `GET user/NAME`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserJson {
    /// The number alone; the Name in lists.
    #[serde(default, rename = "id")]
    pub id: Word,
    /// Always told; an answer without it is not RT's, and does not say that there is nobody.
    pub name: String,
    #[serde(default)]
    pub real_name: String,
    #[serde(default)]
    pub email_address: String,
    #[serde(default)]
    pub privileged: Word,
    #[serde(default)]
    pub disabled: Word,
    /// Empty where the user goes by the time zone of the site.
    #[serde(default)]
    pub timezone: Word,
    #[serde(default, rename = "_hyperlinks", deserialize_with = "list")]
    pub hyperlinks: Vec<LinkJson>,
}

/// `GET group/ID`, for who has SeeGroup.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupJson {
    /// Always told; an answer without it is not RT's.
    #[serde(deserialize_with = "list")]
    pub members: Vec<Ref>,
}

/// An item of a queue list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueueJson {
    #[serde(rename = "id")]
    pub id: Word,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub lifecycle: String,
    #[serde(default)]
    pub disabled: Word,
}

/// An item of a custom field list, or one custom field (which alone has `Values`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DefinitionJson {
    #[serde(rename = "id")]
    pub id: Word,
    #[serde(default)]
    pub name: String,
    /// `Freeform`, `Select`, `Text`, `DateTime`, …
    #[serde(default, rename = "Type")]
    pub kind: String,
    /// `0`: any number; else the most.
    #[serde(default)]
    pub max_values: Word,
    #[serde(default)]
    pub lookup_type: String,
    /// What its values have to match.
    #[serde(default)]
    pub pattern: Word,
    #[serde(default, deserialize_with = "list")]
    pub values: Vec<Json>,
}

/// A ticket in a list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListedJson {
    #[serde(rename = "id")]
    pub id: Word,
    #[serde(default)]
    pub last_updated: String,
    #[serde(default)]
    pub last_updated_by: Word,
    #[serde(default)]
    pub effective_id: Word,
    /// Where it was asked for.
    pub creator: Option<Ref>,
    #[serde(default, deserialize_with = "list")]
    pub custom_fields: Vec<CustomFieldJson>,
}

/// The body of a delivery of Tidegate's scrip (`deploy/request-tracker`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct HookJson {
    pub ticket: HookTicket,
    pub transactions: Vec<HookTransaction>,
}

/// The ticket of a delivery. After a merge it is the survivor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct HookTicket {
    pub id: Word,
}

/// One transaction of a delivery.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct HookTransaction {
    pub id: Word,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub field: Option<Word>,
    #[serde(default)]
    pub new_value: Option<Word>,
    pub creator: String,
    pub created: String,
    pub ticket_id: Word,
}
