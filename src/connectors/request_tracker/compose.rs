//! Tidegate's writes into RT's JSON. Pure. Errors are sentences for an operator.

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
use super::wire::TicketJson;

/// The body of `POST ticket`. `message` is what travels with it; `message_field` is the number of the transaction field for
/// message keys, which RT 5 takes on creation under the name that its own form uses.
pub fn create(
    new: &NewTicket,
    message: Option<&NewMessage>,
    message_field: &str,
    layout: &Layout,
    settings: &Settings,
) -> Result<Json, String> {
    let mut out = body_of_fields(&new.fields, None, layout, settings)?;
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
pub fn set(fields: &Fields, current: &TicketJson, layout: &Layout, settings: &Settings) -> Result<Json, String> {
    Ok(Json::Object(body_of_fields(fields, Some(current), layout, settings)?))
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

/// A ticket's id as RT wants it in a body.
pub fn number(ticket: &TicketId) -> Json {
    ticket.as_str().parse::<u64>().map_or_else(|_| json!(ticket.as_str()), |number| json!(number))
}

fn body_of_fields(
    fields: &Fields,
    current: Option<&TicketJson>,
    layout: &Layout,
    settings: &Settings,
) -> Result<Map<String, Json>, String> {
    let mut out = Map::new();
    let mut custom = Map::new();
    for (key, value) in fields {
        match key {
            FieldKey::Custom(name) => {
                if current.is_some() || *value != Value::Empty {
                    custom.insert(name.clone(), custom_value(name, value, layout)?);
                }
            }
            FieldKey::Tags => {
                let field = settings.tags_field.as_ref().ok_or("set fields: this mirror names no RT field for tags")?;
                let mut tags: Vec<&str> = value.words();
                tags.extend(settings.mirrored_tag.as_deref());
                custom.insert(field.clone(), json!(tags));
            }
            _ => {
                let (name, json) = plain(key, value, current)?;
                out.insert(name.to_string(), json);
            }
        }
    }
    keep_other_requestors(fields, current, &mut out);
    if !custom.is_empty() {
        out.insert("CustomFields".into(), Json::Object(custom));
    }
    Ok(out)
}

fn plain(key: &FieldKey, value: &Value, current: Option<&TicketJson>) -> Result<(&'static str, Json), String> {
    let text = || value.words().first().map(|word| (*word).to_string()).unwrap_or_default();
    let people = |name| (name, json!(names(value)));
    let keeping = |name, watchers: Option<&Vec<_>>| {
        let mut all = names(value);
        all.extend(watchers.into_iter().flat_map(|watchers| groups(watchers)));
        (name, json!(all))
    };
    Ok(match key {
        FieldKey::Subject => ("Subject", json!(text().replace(['\r', '\n'], " "))),
        FieldKey::Status => ("Status", json!(text())),
        FieldKey::Priority => ("Priority", json!(text())),
        FieldKey::Group => ("Queue", json!(text())),
        FieldKey::Due => ("Due", json!(if *value == Value::Empty { NO_DATE.to_string() } else { text() })),
        FieldKey::Assignee => ("Owner", json!(names(value).first().cloned().unwrap_or_else(|| NOBODY.to_string()))),
        FieldKey::Requester => people("Requestor"),
        FieldKey::Cc => keeping("Cc", current.map(|ticket| &ticket.cc)),
        FieldKey::Followers => keeping("AdminCc", current.map(|ticket| &ticket.admin_cc)),
        other => return Err(format!("set fields: RT has no field `{other}`")),
    })
}

fn names(value: &Value) -> Vec<String> {
    value.persons().into_iter().map(|person| person.as_str().to_string()).collect()
}

/// Groups watch too; a list without them would remove them. RT takes a number as a principal's id.
fn groups(watchers: &[super::wire::Ref]) -> impl Iterator<Item = String> {
    watchers.iter().filter(|watcher| watcher.kind == "group").map(|watcher| watcher.id.0.clone())
}

/// A ticket may have several requestors: the first is the requester, the others count as Cc. Those that remain in Cc stay
/// requestors, so that nobody's role changes by the way.
fn keep_other_requestors(fields: &Fields, current: Option<&TicketJson>, out: &mut Map<String, Json>) {
    let Some(current) = current else { return };
    let others: Vec<PersonId> = users(&current.requestor).skip(1).collect();
    if others.is_empty() || !(fields.contains_key(&FieldKey::Requester) || fields.contains_key(&FieldKey::Cc)) {
        return;
    }
    let first = fields.get(&FieldKey::Requester).map_or_else(
        || users(&current.requestor).next().into_iter().collect::<Vec<_>>(),
        |value| value.persons().into_iter().cloned().collect(),
    );
    let wanted = |person: &PersonId| match fields.get(&FieldKey::Cc) {
        Some(cc) => cc.persons().contains(&person),
        None => true,
    };
    let kept: Vec<PersonId> = others.into_iter().filter(|person| wanted(person) && !first.contains(person)).collect();
    let requestors: Vec<&str> = first.iter().chain(&kept).map(PersonId::as_str).collect();
    if let Some(Json::Array(cc)) = out.get_mut("Cc") {
        cc.retain(|name| !kept.iter().any(|person| name == person.as_str()));
    }
    out.insert("Requestor".into(), json!(requestors));
}

fn custom_value(name: &str, value: &Value, layout: &Layout) -> Result<Json, String> {
    let definition =
        layout.field(name).ok_or_else(|| format!("set fields: RT has no custom field `{name}` that the token may see"))?;
    if definition.is_multiple() {
        return Ok(json!(value.words()));
    }
    Ok(match value.words().as_slice() {
        [] => Json::Null,
        [word, ..] => json!(word),
    })
}
