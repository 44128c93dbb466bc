//! Field values: Zendesk's to neutral and back. Pure.
//!
//! Statuses are the category's word (`open`, `hold`, `closed`); a custom status that is not its category's default is the
//! label that agents see. Groups, brands, forms and organisations go by name, people by id. A drop-down holds its option's
//! value (its tag), a multi-select the set of them, a check box `true` or `false`. Tags that stand for a field's value are
//! not among the tags, and neither are those that we set ourselves.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value as Json, json};

use crate::desk::field::{FieldKey, Fields, Value};
use crate::desk::id::PersonId;
use crate::desk::schema::FieldKind;

use super::directory::{Directory, Field};
use super::wire::{Id, Ticket};
use super::{KeyField, Settings};

/// The words of the status categories; `closed` is one too, for a ticket that nobody can change any more.
pub const STATUSES: [&str; 6] = ["new", "open", "pending", "hold", "solved", "closed"];

/// What is needed to understand a ticket of an account.
pub struct Known<'a> {
    pub settings: &'a Settings,
    pub directory: &'a Directory,
    /// The organisation of the ticket (reading) or the one to be set (writing).
    pub organisation: Option<(Id, String)>,
}

/// The fields of a ticket. A key that the desk did not send, or an id whose name is not known, is left out: unknown.
pub fn decode(ticket: &Ticket, known: &Known<'_>) -> Fields {
    let mut fields = Fields::new();
    let mut put = |key, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(key, value);
        }
    };
    let directory = known.directory;
    let text = |key: &str| ticket.rest.get(key).map(|value| Value::text(value.as_str().unwrap_or_default()));
    let person = |key: &str| told(ticket, key, |id| Some(Value::Person(PersonId::new(id))));
    let named = |key: &str, names: &BTreeMap<Id, String>| told(ticket, key, |id| names.get(id).map(Value::text));
    let people = |key: &str| ticket.ids_at(key).map(|ids| Value::people(ids.iter().map(PersonId::new)));
    put(FieldKey::Subject, text("subject"));
    put(FieldKey::Priority, text("priority"));
    put(FieldKey::Type, text("type"));
    put(FieldKey::Due, ticket.rest.get("due_at").map(due));
    put(FieldKey::Assignee, person("assignee_id"));
    put(FieldKey::Requester, person("requester_id"));
    put(FieldKey::Group, named("group_id", &directory.groups));
    put(FieldKey::Brand, named("brand_id", &directory.brands));
    put(FieldKey::Form, named("ticket_form_id", &directory.forms));
    put(FieldKey::Cc, people("email_cc_ids"));
    put(FieldKey::Followers, people("follower_ids"));
    let organisation = |id: &Id| known.organisation.as_ref().filter(|(own, _)| own == id).map(|(_, name)| Value::text(name));
    put(FieldKey::Organisation, told(ticket, "organization_id", organisation));
    let custom = ticket.id_at("custom_status_id");
    let status = directory.status_word(&ticket.status, custom.as_ref());
    put(FieldKey::Status, (!status.is_empty()).then(|| Value::text(status)));
    put(FieldKey::Tags, ticket.tags.as_ref().map(|tags| Value::set(tags.iter().filter(|tag| is_free(tag, ticket, known)))));
    for field in &directory.fields {
        if !known.settings.own_fields().any(|own| own == field.name) {
            put(FieldKey::custom(&field.name), value_of(ticket, field).map(|value| decode_custom(field.kind, value)));
        }
    }
    fields
}

/// `None` where the key is missing or the id means nothing to us; `Empty` where it is null.
fn told(ticket: &Ticket, key: &str, value: impl Fn(&Id) -> Option<Value>) -> Option<Value> {
    match Id::of(ticket.rest.get(key)?) {
        Some(id) => value(&id),
        None => Some(Value::Empty),
    }
}

/// A tag of its own: none of ours, no option of a field, and no value that the ticket has in one (its option may be gone).
fn is_free(tag: &str, ticket: &Ticket, known: &Known<'_>) -> bool {
    let values = || {
        known
            .directory
            .fields
            .iter()
            .filter(|field| field.has_options())
            .filter_map(|field| Some((field, value_of(ticket, field)?)))
    };
    let is_value = || values().any(|(field, value)| field.words_of(value).any(|word| word == tag));
    !known.settings.is_own_tag(tag) && !known.directory.is_option(tag) && !is_value()
}

fn value_of<'a>(ticket: &'a Ticket, field: &Field) -> Option<&'a Json> {
    let values = ticket.custom_fields.as_ref()?;
    values.iter().find(|value| value.id == field.id).map(|value| &value.value)
}

fn due(value: &Json) -> Value {
    let text = value.as_str().unwrap_or_default();
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Value::text(at.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true)),
        Err(_) => Value::text(text),
    }
}

/// The value of a custom field in its canonical spelling.
pub fn decode_custom(kind: FieldKind, value: &Json) -> Value {
    match kind {
        FieldKind::Checkbox => Value::text(if is_true(value) { "true" } else { "false" }),
        FieldKind::MultiChoice => Value::set(value.as_array().into_iter().flatten().filter_map(Json::as_str)),
        FieldKind::Date => Value::text(plain(value).chars().take(10).collect::<String>()),
        FieldKind::Decimal | FieldKind::Integer => Value::text(canonical_number(&plain(value))),
        _ => Value::text(plain(value)),
    }
}

fn is_true(value: &Json) -> bool {
    value.as_bool().unwrap_or_else(|| matches!(value.as_str(), Some("true" | "1")))
}

fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(number) => number.to_string(),
        Json::Bool(flag) => flag.to_string(),
        Json::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Json::Null | Json::Object(_) => String::new(),
    }
}

/// `12.50` and `12.5` are one number, and so are `7.0` and `7`.
fn canonical_number(text: &str) -> String {
    let text = text.trim();
    match text.contains('.') && !text.contains(['e', 'E']) {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    }
}

/// A name that the account does not have; it may be new there.
#[derive(Debug, Clone, PartialEq)]
pub struct Unknown(pub String);

/// The ticket object that sets `fields`. `current` is the ticket as it is now; `None` for a new one. Tags of options and our
/// own are added where the tags are written at all, because Zendesk replaces the whole list.
pub fn encode(fields: &Fields, known: &Known<'_>, current: Option<&Ticket>) -> Result<Map<String, Json>, Unknown> {
    let mut out = Map::new();
    let mut custom = Vec::new();
    for (key, value) in fields {
        match key {
            FieldKey::Custom(name) => custom.push(encode_custom(name, value, known)?),
            FieldKey::Status => encode_status(value, known, current, &mut out)?,
            FieldKey::Cc => encode_people("email_ccs", "email_cc_ids", value, current, &mut out),
            FieldKey::Followers => encode_people("followers", "follower_ids", value, current, &mut out),
            FieldKey::Tags => {}
            _ => {
                let (name, value) = encode_plain(key, value, known)?;
                out.insert(name.to_string(), value);
            }
        }
    }
    if !custom.is_empty() {
        out.insert("custom_fields".to_string(), Json::Array(custom));
    }
    if let Some(tags) = tags_to_write(fields, known, current) {
        out.insert("tags".to_string(), json!(tags));
    }
    Ok(out)
}

fn encode_plain(key: &FieldKey, value: &Value, known: &Known<'_>) -> Result<(&'static str, Json), Unknown> {
    let directory = known.directory;
    Ok(match key {
        FieldKey::Priority => ("priority", text_or_null(value)),
        FieldKey::Type => ("type", text_or_null(value)),
        FieldKey::Due => ("due_at", text_or_null(value)),
        FieldKey::Assignee => ("assignee_id", person_or_null(value)),
        FieldKey::Requester => ("requester_id", person_or_null(value)),
        FieldKey::Group => ("group_id", named("group", value, &directory.groups)?),
        FieldKey::Brand => ("brand_id", named("brand", value, &directory.brands)?),
        FieldKey::Form => ("ticket_form_id", named("form", value, &directory.forms)?),
        FieldKey::Organisation => {
            let names = known.organisation.iter().cloned().collect();
            ("organization_id", named("organisation", value, &names)?)
        }
        _ => ("subject", json!(value.words().first().copied().unwrap_or_default())),
    })
}

fn text_or_null(value: &Value) -> Json {
    value.words().first().map_or(Json::Null, |text| json!(text))
}

fn person_or_null(value: &Value) -> Json {
    value.persons().first().map_or(Json::Null, |person| json!(Id::new(person.as_str())))
}

fn named(what: &str, value: &Value, names: &BTreeMap<Id, String>) -> Result<Json, Unknown> {
    let Some(name) = value.words().first().copied() else { return Ok(Json::Null) };
    let id = names.iter().find(|(_, known)| *known == name).map(|(id, _)| id);
    id.map(|id| json!(id)).ok_or_else(|| Unknown(format!("the account has no {what} named `{name}`")))
}

/// A category's word sets the category. Where the ticket is in that category already, under another of its statuses, only the
/// default one's id says what is meant.
fn encode_status(value: &Value, known: &Known<'_>, current: Option<&Ticket>, out: &mut Map<String, Json>) -> Result<(), Unknown> {
    let Some(word) = value.words().first().copied() else { return Ok(()) };
    let statuses = &known.directory.statuses;
    if STATUSES.contains(&word) {
        let within = current.is_some_and(|ticket| ticket.status == word);
        match statuses.iter().find(|status| within && status.default && status.category == word) {
            Some(default) => out.insert("custom_status_id".to_string(), json!(default.id)),
            None => out.insert("status".to_string(), json!(word)),
        };
        return Ok(());
    }
    let status = statuses.iter().find(|status| status.active && status.label == word);
    let status = status.ok_or_else(|| Unknown(format!("the account has no status `{word}`")))?;
    out.insert("custom_status_id".to_string(), json!(status.id));
    Ok(())
}

/// Zendesk takes differences: who to put and who to delete.
fn encode_people(key: &str, ids_key: &str, value: &Value, current: Option<&Ticket>, out: &mut Map<String, Json>) {
    let have: BTreeSet<Id> = current.and_then(|ticket| ticket.ids_at(ids_key)).unwrap_or_default().into_iter().collect();
    let want: BTreeSet<Id> = value.persons().into_iter().map(|person| Id::new(person.as_str())).collect();
    let put = want.difference(&have).map(|id| json!({ "user_id": id, "action": "put" }));
    let delete = have.difference(&want).map(|id| json!({ "user_id": id, "action": "delete" }));
    let changes: Vec<Json> = put.chain(delete).collect();
    if !changes.is_empty() {
        out.insert(key.to_string(), Json::Array(changes));
    }
}

fn encode_custom(name: &str, value: &Value, known: &Known<'_>) -> Result<Json, Unknown> {
    let field = known.directory.field(name).ok_or_else(|| Unknown(format!("the account has no ticket field `{name}`")))?;
    let text = value.words().first().copied();
    let value = match (field.kind, text) {
        (FieldKind::MultiChoice, _) => json!(value.words()),
        (FieldKind::Checkbox, text) => json!(text == Some("true")),
        (_, None) => Json::Null,
        (FieldKind::Integer, Some(text)) => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
        (_, Some(text)) => json!(text),
    };
    Ok(json!({ "id": field.id, "value": value }))
}

/// `None`: the tags that are there can stay. They are written when they are to change, or when one of our own is missing.
fn tags_to_write(fields: &Fields, known: &Known<'_>, current: Option<&Ticket>) -> Option<BTreeSet<String>> {
    let have: BTreeSet<&str> =
        current.and_then(|ticket| ticket.tags.as_ref()).into_iter().flatten().map(String::as_str).collect();
    let ours: Vec<&str> = known.settings.own_tags().collect();
    let wanted = fields.get(&FieldKey::Tags);
    if wanted.is_none() && ours.iter().all(|tag| have.contains(tag)) {
        return None;
    }
    let mut tags: BTreeSet<String> = match wanted {
        Some(wanted) => wanted.words().into_iter().map(str::to_string).collect(),
        None => {
            let free = |tag: &&&str| current.is_some_and(|ticket| is_free(tag, ticket, known));
            have.iter().filter(free).map(|tag| tag.to_string()).collect()
        }
    };
    for field in &known.directory.fields {
        tags.extend(option_tags(field, fields, current));
    }
    tags.extend(ours.into_iter().map(str::to_string));
    tags.extend(have.into_iter().filter(|tag| known.settings.is_number_tag(tag)).map(str::to_string));
    Some(tags)
}

/// The tags of a field's value as it will be after the write.
fn option_tags(field: &Field, fields: &Fields, current: Option<&Ticket>) -> Vec<String> {
    let now = || value_of(current?, field).map(|value| decode_custom(field.kind, value));
    let value = fields.get(&FieldKey::custom(&field.name)).cloned().or_else(now).unwrap_or(Value::Empty);
    match field.kind {
        FieldKind::Choice | FieldKind::MultiChoice => value.words().into_iter().map(str::to_string).collect(),
        FieldKind::Checkbox if value == Value::text("true") => field.tag.iter().cloned().collect(),
        _ => Vec::new(),
    }
}

/// Our key as the ticket holds it.
pub fn key_of(ticket: &Ticket, known: &Known<'_>) -> Option<String> {
    let key = match &known.settings.key_field {
        KeyField::ExternalId => ticket.external_id.clone(),
        KeyField::Custom(name) => {
            let value = value_of(ticket, known.directory.field(name)?)?;
            value.as_str().map(str::to_string)
        }
    };
    key.filter(|key| !key.is_empty())
}

/// A time as Zendesk takes it.
pub fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
