//! Tidegate's writes into RT's JSON. Pure. Errors are sentences for an operator.

use std::collections::{BTreeMap, BTreeSet};

use chrono::SecondsFormat;
use serde_json::{Map, Value as Json, json};

use crate::desk::body::Body;
use crate::desk::field::{FieldKey, Fields, Value};
use crate::desk::id::{PersonId, TicketId};
use crate::desk::ticket::{Link, LinkKind};
use crate::desk::write::{NewMessage, NewTicket};

use super::Settings;
use super::mime;
use super::translate::{Layout, NO_DATE, NOBODY, users};
use super::wire::{Ref, TicketJson};

/// What the other side has to be told about this RT.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    pub layout: &'a Layout,
    pub settings: &'a Settings,
    /// RT's numbers of the people named. Names are not sent: RT reads them as a list of mail addresses, in which a comma, a
    /// colon or an `@` means something.
    pub numbers: &'a BTreeMap<PersonId, String>,
}

/// The people whose numbers a write needs.
pub fn people(fields: &Fields, current: Option<&TicketJson>) -> BTreeSet<PersonId> {
    let others = current.into_iter().flat_map(|ticket| users(&ticket.requestor));
    fields.values().flat_map(Value::persons).cloned().chain(others).collect()
}

/// The body of `POST ticket`. `message` is what travels with it; `message_field` is the number of the transaction field for
/// message keys, which RT 5 takes on creation under the name that its own form uses.
pub fn create(new: &NewTicket, message: Option<&NewMessage>, message_field: &str, terms: Terms<'_>) -> Result<Json, String> {
    let settings = terms.settings;
    let mut out = terms.body(&new.fields, None)?;
    if !out.contains_key("Queue") {
        return Err("create ticket: RT needs a queue; map the group".to_string());
    }
    out.insert("Created".into(), json!(new.created_at.to_rfc3339_opts(SecondsFormat::Secs, true)));
    let custom = out.entry("CustomFields").or_insert_with(|| json!({}));
    custom[&settings.key_field] = json!(new.key);
    if let Some(field) = &settings.number_field {
        custom[field] = json!(new.number_there);
    }
    if let (Some(field), Some(tag)) = (&settings.tags_field, &settings.mirrored_tag)
        && custom.get(field).is_none()
    {
        custom[field] = json!([tag]);
    }
    if let Some(message) = message {
        let (content, content_type) = content(message);
        out.insert("Content".into(), json!(content));
        out.insert("ContentType".into(), json!(content_type));
        out.insert(format!("Object-RT::Transaction--CustomField-{message_field}"), json!(message.key));
    }
    Ok(Json::Object(out))
}

/// The body of `PUT ticket/ID` for these fields of the ticket as it is now.
pub fn set(fields: &Fields, current: &TicketJson, terms: Terms<'_>) -> Result<Json, String> {
    Ok(Json::Object(terms.body(fields, Some(current))?))
}

/// The body of `POST ticket/ID/correspond` and `comment`.
pub fn message(message: &NewMessage, settings: &Settings) -> Json {
    let (content, content_type) = content(message);
    json!({
        "Content": content,
        "ContentType": content_type,
        "TxnCustomFields": { &settings.message_key_field: message.key },
    })
}

/// The text in RT's words. RT takes the texts `` and `0` for no text at all, so they get a byte that nobody sees.
fn content(message: &NewMessage) -> (String, &'static str) {
    let (text, content_type) = match &message.body {
        Body::Html(html) => (mime::refer_to_files(html, &message.attachments), "text/html"),
        Body::Text(text) => (text.clone(), "text/plain"),
    };
    match text.as_str() {
        "" => (" ".to_string(), content_type),
        "0" => ("0\n".to_string(), content_type),
        _ => (text, content_type),
    }
}

/// The key of a link in `PUT ticket/ID`: `AddDependsOn`, `DeleteParent`, …
pub fn link(verb: &str, link: &Link) -> Json {
    let name = match link.kind {
        LinkKind::Parent => "Parent",
        LinkKind::DependsOn => "DependsOn",
        LinkKind::RefersTo => "RefersTo",
    };
    json!({ format!("{verb}{name}"): [number(&link.to)] })
}

/// The body of `PUT ticket/ID` that gives a ticket our key and the other desk's number.
pub fn key(key: &str, number: &str, settings: &Settings) -> Json {
    let mut custom = json!({ &settings.key_field: key });
    if let Some(field) = &settings.number_field {
        custom[field] = json!(number);
    }
    json!({ "CustomFields": custom })
}

/// A ticket's id as RT wants it in a body.
pub fn number(ticket: &TicketId) -> Json {
    ticket.as_str().parse::<u64>().map_or_else(|_| json!(ticket.as_str()), |number| json!(number))
}

impl Terms<'_> {
    fn body(&self, fields: &Fields, current: Option<&TicketJson>) -> Result<Map<String, Json>, String> {
        let mut out = Map::new();
        let mut custom = Map::new();
        for (key, value) in fields {
            match key {
                // A new ticket's fields are empty anyway; RT takes no null on creation.
                FieldKey::Custom(_) if current.is_none() && *value == Value::Empty => {}
                FieldKey::Custom(name) => {
                    custom.insert(name.clone(), self.custom(name, value)?);
                }
                FieldKey::Tags => {
                    let (field, tags) = self.tags(value)?;
                    custom.insert(field, tags);
                }
                _ => {
                    let (name, json) = self.plain(key, value, current)?;
                    out.insert(name.to_string(), json);
                }
            }
        }
        if let Some(current) = current {
            self.keep_other_requestors(fields, current, &mut out)?;
        }
        if !custom.is_empty() {
            out.insert("CustomFields".into(), Json::Object(custom));
        }
        Ok(out)
    }

    fn plain(&self, key: &FieldKey, value: &Value, current: Option<&TicketJson>) -> Result<(&'static str, Json), String> {
        let text = value.words().first().map(|word| (*word).to_string()).unwrap_or_default();
        let people = self.numbers(value.persons())?;
        let keeping = |watchers: Option<&Vec<Ref>>| {
            let groups = watchers.into_iter().flatten().filter(|watcher| watcher.kind == "group");
            // Groups watch too; a list without them would remove them.
            json!(people.iter().cloned().chain(groups.map(|group| group.id.0.clone())).collect::<Vec<_>>())
        };
        Ok(match key {
            FieldKey::Subject => ("Subject", json!(text.replace(['\r', '\n'], " "))),
            FieldKey::Status => ("Status", json!(text)),
            FieldKey::Priority => ("Priority", json!(text)),
            FieldKey::Group => ("Queue", json!(text)),
            FieldKey::Due => ("Due", json!(if *value == Value::Empty { NO_DATE } else { &text })),
            FieldKey::Assignee => ("Owner", json!(people.first().map_or(NOBODY, String::as_str))),
            FieldKey::Requester => ("Requestor", json!(people)),
            FieldKey::Cc => ("Cc", keeping(current.map(|ticket| &ticket.cc))),
            FieldKey::Followers => ("AdminCc", keeping(current.map(|ticket| &ticket.admin_cc))),
            other => return Err(format!("set fields: RT has no field `{other}`")),
        })
    }

    fn numbers<'p>(&self, people: impl IntoIterator<Item = &'p PersonId>) -> Result<Vec<String>, String> {
        let number =
            |person: &PersonId| self.numbers.get(person).cloned().ok_or_else(|| format!("set fields: RT has no user `{person}`"));
        people.into_iter().map(number).collect()
    }

    /// A ticket may have several requestors: the first is the requester, the others count as Cc. Those that remain in Cc stay
    /// requestors, so that nobody's role changes by the way.
    fn keep_other_requestors(&self, fields: &Fields, current: &TicketJson, out: &mut Map<String, Json>) -> Result<(), String> {
        let all: Vec<PersonId> = users(&current.requestor).collect();
        let (requester, cc) = (fields.get(&FieldKey::Requester), fields.get(&FieldKey::Cc));
        if all.len() < 2 || (requester.is_none() && cc.is_none()) {
            return Ok(());
        }
        let first: Vec<&PersonId> = requester.map_or_else(|| all.iter().take(1).collect(), Value::persons);
        let stays = |person: &&PersonId| !first.contains(person) && cc.is_none_or(|cc| cc.persons().contains(person));
        let kept: Vec<&PersonId> = all.iter().skip(1).filter(stays).collect();
        let kept_numbers = self.numbers(kept.iter().copied())?;
        if let Some(Json::Array(cc)) = out.get_mut("Cc") {
            cc.retain(|number| !kept_numbers.iter().any(|kept| number == kept.as_str()));
        }
        out.insert("Requestor".into(), json!(self.numbers(first.into_iter().chain(kept))?));
        Ok(())
    }

    fn tags(&self, value: &Value) -> Result<(String, Json), String> {
        let field = self.settings.tags_field.clone().ok_or("set fields: this mirror names no RT field for tags")?;
        let mut tags: Vec<&str> = value.words();
        tags.extend(self.settings.mirrored_tag.as_deref());
        Ok((field, json!(tags)))
    }

    fn custom(&self, name: &str, value: &Value) -> Result<Json, String> {
        let definition = self.layout.field(name);
        let definition =
            definition.ok_or_else(|| format!("set fields: RT has no custom field `{name}` that the token may see"))?;
        if definition.is_multiple() {
            return Ok(json!(value.words()));
        }
        Ok(match value.words().first() {
            None => Json::Null,
            Some(word) if definition.kind == "DateTime" => json!(date_words(word)),
            Some(word) => json!(word),
        })
    }
}

/// The time of a custom field. RT drops the time of day where it ends in `Z`, and takes every spelling to be in the time zone
/// of our user, which is therefore UTC (`deploy/request-tracker` sets it, `identify` looks).
fn date_words(time: &str) -> String {
    time.replace('T', " ").trim_end_matches('Z').to_string()
}
