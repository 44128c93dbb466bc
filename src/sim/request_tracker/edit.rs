//! The routes that write.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::admin;
use super::call::{Answer, Call, precondition};
use super::date;
use super::mime::{Incoming, Message, from_base64, name_in_json};
use super::note::Note;
use super::person::{NewUser, parse_address};
use super::read::tag;
use super::store::{FieldKind, Role, Store};
use super::value::text;
use super::work::{Died, Outcome, Work};

type Object = Map<String, Value>;

/// Answers a call that writes, and says what came of it.
pub fn answer(store: &mut Store, call: &Call, at: DateTime<Utc>) -> (Answer, Outcome) {
    let mut work = Work::new(store, call.actor, at, false);
    let answer = route(&mut work, call).unwrap_or_else(|refusal| refusal);
    (answer, work.finish())
}

fn route(work: &mut Work<'_>, call: &Call) -> Result<Answer, Answer> {
    let parts: Vec<&str> = call.path.split('/').collect();
    match (call.method.as_str(), parts.as_slice()) {
        ("POST", ["ticket"]) => create_ticket(work, call),
        ("POST", ["ticket", id, "correspond"]) => note(work, call, id, Note::Correspond),
        ("POST", ["ticket", id, "comment"]) => note(work, call, id, Note::Comment),
        ("PUT", ["ticket", id]) => update_ticket(work, call, id, None),
        ("PUT", ["ticket", id, action @ ("take" | "untake" | "steal")]) => update_ticket(work, call, id, Some(action)),
        ("DELETE", ["ticket", id]) => delete_ticket(work, call, id),
        ("POST", ["ticket", id]) if find(work, id).is_ok() => {
            Err(Answer::error(409, "Resource already exists; use PUT to update"))
        }
        ("POST", ["user"]) => create_user(work, call),
        ("PUT", ["user", key]) => update_user(work, call, key),
        ("POST", ["queue"]) => create_queue(work, call),
        ("PUT", ["queue", id]) => admin::update_queue(work, id, &object(call)?),
        ("POST", ["customfield"]) => create_field(work, call),
        ("PUT", ["customfield", id]) => admin::update_field(work, id, &object(call)?),
        ("POST", ["customfield", id, "value"]) => create_choice(work, call, id),
        (_, ["ticket", _, "correspond" | "comment"]) => Err(Answer::method_not_allowed("POST")),
        (_, ["tickets"]) => Err(Answer::method_not_allowed("GET, HEAD, POST")),
        (_, ["transaction" | "attachment", _]) => Err(Answer::method_not_allowed("GET, HEAD")),
        _ => Err(Answer::not_found()),
    }
}

fn find(work: &Work<'_>, id: &str) -> Result<u64, Answer> {
    let found = id.parse().ok().and_then(|id| work.store.resolve(id)).map(|ticket| ticket.id);
    found.ok_or_else(Answer::not_found)
}

/// The body as an object, the query's parameters over it. Errors: RT's answer.
fn object(call: &Call) -> Result<Object, Answer> {
    if !matches!(call.content_type().as_str(), "application/json" | "multipart/form-data") {
        return Err(Answer::unsupported());
    }
    let mut object = match call.body.is_empty() {
        true => Object::new(),
        false => match serde_json::from_slice(&call.body) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Err(Answer::error(400, "JSON object must be a HASH")),
            Err(error) => return Err(Answer::error(400, &format!("JSON parse error: {error}\n"))),
        },
    };
    object.extend(call.query.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))));
    Ok(object)
}

/// The files of a message. `sentence` says which field is missing.
fn files(call: &Call, body: &Object, sentence: fn(&str) -> String) -> Result<Vec<Incoming>, Answer> {
    if !call.files.is_empty() {
        if call.files.iter().any(|file| file.bytes.is_empty()) {
            return Err(Answer::error(400, &sentence("FileContent")));
        }
        return Ok(call.files.clone());
    }
    let Some(Value::Array(list)) = body.get("Attachments") else { return Ok(Vec::new()) };
    list.iter().map(|attachment| file(attachment, sentence)).collect()
}

fn file(attachment: &Value, sentence: fn(&str) -> String) -> Result<Incoming, Answer> {
    let field = |name: &str| {
        let text = attachment.get(name).and_then(text).filter(|text| !text.is_empty() && text != "0");
        text.ok_or_else(|| Answer::error(400, &sentence(name)))
    };
    let (name, content_type, content) = (field("FileName")?, field("FileType")?, field("FileContent")?);
    let name = name_in_json(&name).map_err(|_| Answer::died())?;
    Ok(Incoming { name, content_type, bytes: from_base64(&content), content_id: None })
}

fn create_ticket(work: &mut Work<'_>, call: &Call) -> Result<Answer, Answer> {
    let body = object(call)?;
    let queue = body.get("Queue").and_then(text).filter(|key| !key.is_empty());
    let Some(queue) = queue else { return Err(Answer::error(400, "Could not create ticket. Queue not set")) };
    if work.store.queue(&queue).is_none() {
        return Err(Answer::error(403, &format!("No permission to create tickets in the queue '{queue}'")));
    }
    if body.get("Attachments").is_some_and(|list| !list.is_array() && !list.is_null()) {
        return Err(Answer::error(400, "Attachments must be an array"));
    }
    let files = files(call, &body, |name| format!("Field {name} is required for each attachment in Attachments"))?;
    let content = body.get("Content").and_then(text);
    let message = (content.is_some() || !files.is_empty()).then(|| {
        let kind = body.get("ContentType").and_then(text).unwrap_or_else(|| "text/plain".to_owned());
        Message::new(&content.unwrap_or_default(), &kind, body.get("Subject").and_then(text), files)
    });
    let id = work.create(&body, message).map_err(|refused| Answer::error(refused.status, &refused.sentence))?;
    set_transaction_fields_at_creation(work, id, &body);
    let id = id.to_string();
    Ok(Answer::created("ticket", &id, work.store.reference("ticket", &id)))
}

/// RT's own form names them so, and REST2 hands everything on to the same function. Others are passed over.
fn set_transaction_fields_at_creation(work: &mut Work<'_>, id: u64, body: &Object) {
    let named = |key: &String| key.strip_prefix("Object-RT::Transaction--CustomField-").map(str::to_owned);
    let fields: Object = body.iter().filter_map(|(key, value)| Some((named(key)?, value.clone()))).collect();
    if let Some(creation) = work.store.ticket(id).transactions.first().copied() {
        work.set_transaction_fields(id, creation, &fields);
    }
}

fn checked(work: &Work<'_>, call: &Call, id: u64) -> Result<(), Answer> {
    let modified = date::w3c(Some(work.store.ticket(id).updated));
    precondition(call, &tag(work.store, id), &modified).map_or(Ok(()), Err)
}

fn update_ticket(work: &mut Work<'_>, call: &Call, id: &str, action: Option<&str>) -> Result<Answer, Answer> {
    let id = find(work, id).map_err(|_| Answer::error(404, "Resource does not exist; use POST to create"))?;
    checked(work, call, id)?;
    let body = object(call)?;
    work.open(id);
    let mut sentences: Vec<Value> = Vec::new();
    if let Some(action) = action {
        sentences.push(Value::String(take(work, id, action)));
    }
    sentences.extend(work.update(id, &body).into_iter().map(Value::String));
    sentences.extend(set_fields(work, id, body.get("CustomFields"))?);
    sentences.extend(set_watchers(work, id, &body)?.into_iter().map(Value::String));
    sentences.extend(work.update_links(id, &body).into_iter().map(Value::String));
    if let Some(into) = body.get("MergeInto").and_then(text).filter(|into| !into.is_empty() && into != "0") {
        let merged = work.merge(id, into.parse().unwrap_or(0));
        sentences.push(Value::String(merged.unwrap_or_else(|sentence| sentence)));
    }
    Ok(Answer::ok(Value::Array(sentences)))
}

fn take(work: &mut Work<'_>, id: u64, action: &str) -> String {
    let (owner, actor) = (work.store.ticket(id).owner, work.actor);
    let nobody = super::store::NOBODY;
    let wanted = match action {
        "take" if owner == nobody => actor,
        "take" => return "You can only take tickets that are unowned".to_owned(),
        "untake" if owner == actor => nobody,
        "untake" => return "You can only untake tickets you own".to_owned(),
        _ if owner != nobody && owner != actor => actor,
        _ => return "You can only steal a ticket owned by someone else".to_owned(),
    };
    work.set_owner(id, &wanted.to_string()).unwrap_or_default()
}

/// Custom fields of a `PUT` or a message; those that the queue does not have are passed over.
fn set_fields(work: &mut Work<'_>, id: u64, wanted: Option<&Value>) -> Result<Vec<Value>, Answer> {
    let Some(Value::Object(wanted)) = wanted else { return Ok(Vec::new()) };
    let mut sentences = Vec::new();
    for (key, value) in wanted {
        let queue = work.store.ticket(id).queue;
        let Some(field) = work.store.field(queue, false, key).cloned() else { continue };
        if !work.store.may_change(work.actor, &field) {
            let sentence = format!("Could not add a new value to custom field '{}': Permission Denied", field.name);
            sentences.push(Value::String(sentence));
            continue;
        }
        sentences.extend(work.set_field(id, &field, value).map_err(|Died| Answer::died())?);
    }
    Ok(sentences)
}

fn set_watchers(work: &mut Work<'_>, id: u64, body: &Object) -> Result<Vec<String>, Answer> {
    let mut sentences = Vec::new();
    for role in Role::ALL {
        if let Some(wanted) = body.get(role.name()) {
            sentences.extend(work.set_watchers(id, role, wanted).map_err(|Died| Answer::died())?);
        }
    }
    Ok(sentences)
}

fn delete_ticket(work: &mut Work<'_>, call: &Call, id: &str) -> Result<Answer, Answer> {
    let id = find(work, id)?;
    checked(work, call, id)?;
    work.open(id);
    work.set_status(id, "deleted").map(|_| Answer::gone()).map_err(|_| Answer::internal())
}

fn note(work: &mut Work<'_>, call: &Call, id: &str, note: Note) -> Result<Answer, Answer> {
    if call.header("if-match").is_some_and(|header| header != "*") {
        return Err(Answer::precondition_failed());
    }
    let kind = call.content_type();
    let body = match kind.as_str() {
        "text/plain" | "text/html" => Object::new(),
        "application/json" | "multipart/form-data" => match serde_json::from_slice(&call.body) {
            Ok(Value::Object(body)) => body,
            _ => return Err(Answer::died()),
        },
        _ => return Err(Answer::unsupported()),
    };
    let files = note_files(call, &body)?;
    let message = if kind.starts_with("text/") {
        Message::new(&String::from_utf8_lossy(&call.body), &kind, None, Vec::new())
    } else {
        let content = body.get("Content").and_then(text).filter(|content| !content.is_empty() && content != "0");
        let kind = body.get("ContentType").and_then(text).filter(|kind| !kind.is_empty());
        if content.is_some() && kind.is_none() {
            return Err(Answer::error(400, "ContentType is a required field for application/json"));
        }
        let subject = body.get("Subject").and_then(text);
        Message::new(&content.unwrap_or_default(), &kind.unwrap_or_else(|| "text/plain".to_owned()), subject, files)
    };
    let id = find(work, id).map_err(|_| Answer::error(400, "Message could not be recorded"))?;
    record(work, id, note, message, &body)
}

fn note_files(call: &Call, body: &Object) -> Result<Vec<Incoming>, Answer> {
    if body.get("Attachments").is_some_and(|list| list.is_string() || list.is_object()) {
        return Err(Answer::died());
    }
    files(call, body, |name| format!("{name} is a required field for each attachment in Attachments"))
}

fn record(work: &mut Work<'_>, id: u64, note: Note, message: Message, body: &Object) -> Result<Answer, Answer> {
    work.open(id);
    let minutes = body.get("TimeTaken").and_then(text).and_then(|text| text.parse().ok()).unwrap_or(0);
    let transaction = work.note(id, note, message, minutes);
    let said = if note == Note::Comment { "Comments added" } else { "Correspondence added" };
    let mut sentences = vec![Value::from(said)];
    sentences.extend(set_fields(work, id, body.get("CustomFields"))?);
    sentences.extend(set_watchers(work, id, body)?.into_iter().map(Value::String));
    let fields = body.get("TxnCustomFields").or_else(|| body.get("TransactionCustomFields"));
    if let Some(Value::Object(fields)) = fields {
        sentences.extend(work.set_transaction_fields(id, transaction, fields).into_iter().map(Value::String));
    }
    if let Some(status) = body.get("Status").and_then(text).filter(|status| !status.is_empty()) {
        sentences.push(Value::String(work.set_status(id, &status).unwrap_or_else(|sentence| sentence)));
    }
    Ok(Answer::noted(transaction, sentences))
}

fn create_user(work: &mut Work<'_>, call: &Call) -> Result<Answer, Answer> {
    let body = object(call)?;
    let word = |key: &str| body.get(key).and_then(text).unwrap_or_default();
    let email = word("EmailAddress");
    let name = Some(word("Name")).filter(|name| !name.is_empty()).unwrap_or_else(|| email.clone());
    let refusal = |sentence: &str| Err(Answer::error(400, sentence));
    if name.is_empty() {
        return refusal("Must specify 'Name' attribute");
    }
    if !email.is_empty() && parse_address(&email).is_none() {
        return refusal("Invalid syntax for email address");
    }
    if work.store.names.contains_key(&name.to_lowercase()) {
        return refusal("Name in use");
    }
    if work.store.user_by_email(&email).is_some() {
        return refusal("Email address in use");
    }
    let new = NewUser {
        name: name.clone(),
        email,
        real_name: word("RealName"),
        organization: word("Organization"),
        comments: word("Comments"),
        privileged: word("Privileged") == "1",
        disabled: word("Disabled") == "1",
    };
    let id = work.store.add_user(new, work.actor, work.at);
    Ok(Answer::created("user", &id.to_string(), work.store.reference("user", &name)))
}

fn update_user(work: &mut Work<'_>, call: &Call, key: &str) -> Result<Answer, Answer> {
    let found = work.store.user(key).map(|user| user.id);
    let id = found.ok_or_else(|| Answer::error(404, "Resource does not exist; use POST to create"))?;
    let body = object(call)?;
    let mut sentences = Vec::new();
    let (at, actor) = (work.at, work.actor);
    let Some(user) = work.store.users.get_mut(&id) else { return Err(Answer::not_found()) };
    for key in ["Comments", "Organization", "RealName"] {
        let Some(new) = body.get(key).and_then(text) else { continue };
        let place = match key {
            "RealName" => &mut user.real_name,
            "Organization" => &mut user.organization,
            _ => &mut user.comments,
        };
        if *place != new {
            let old = std::mem::replace(place, new.clone());
            let old = if old.is_empty() { "(no value)".to_owned() } else { format!("'{old}'") };
            sentences.push(Value::String(format!("User {}: {key} changed from {old} to '{new}'", user.name)));
        }
    }
    if let Some(disabled) = body.get("Disabled").and_then(text).map(|text| text == "1").filter(|new| *new != user.disabled) {
        user.disabled = disabled;
        sentences.push(Value::from(if disabled { "User disabled" } else { "User enabled" }));
    }
    if !sentences.is_empty() {
        (user.updated, user.updated_by) = (at, actor);
    }
    Ok(Answer::ok(Value::Array(sentences)))
}

fn create_queue(work: &mut Work<'_>, call: &Call) -> Result<Answer, Answer> {
    let body = object(call)?;
    let name = body.get("Name").and_then(text).unwrap_or_default();
    if work.store.queue(&name).is_some() {
        return Err(Answer::error(400, "Queue already exists"));
    }
    let description = body.get("Description").and_then(text).unwrap_or_default();
    let id = work.store.add_queue(&name, &description, work.actor, work.at).to_string();
    Ok(Answer::created("queue", &id, work.store.reference("queue", &id)))
}

fn create_field(work: &mut Work<'_>, call: &Call) -> Result<Answer, Answer> {
    let body = object(call)?;
    let word = |key: &str| body.get(key).and_then(text).unwrap_or_default();
    let kind = word("Type");
    let multiple = kind.ends_with("Multiple") || word("MaxValues") == "0";
    let bare = kind.trim_end_matches("Single").trim_end_matches("Multiple");
    let found = FieldKind::ALL.into_iter().find(|one| one.name() == bare);
    let found = found.ok_or_else(|| Answer::error(400, "Invalid custom field type"))?;
    let id = work.store.add_field(&word("Name"), found, multiple, work.actor, work.at);
    if let Some(field) = work.store.fields.get_mut(&id) {
        field.of_transactions = word("LookupType").ends_with("RT::Transaction");
        field.pattern = word("Pattern");
        field.description = word("Description");
    }
    let id = id.to_string();
    Ok(Answer::created("customfield", &id, work.store.reference("customfield", &id)))
}

fn create_choice(work: &mut Work<'_>, call: &Call, field: &str) -> Result<Answer, Answer> {
    let field: u64 = field.parse().map_err(|_| Answer::not_found())?;
    let body = object(call)?;
    let name = body.get("Name").and_then(text).unwrap_or_default();
    if !work.store.fields.contains_key(&field) {
        return Err(Answer::not_found());
    }
    let id = work.store.add_choice(field, &name).to_string();
    Ok(Answer::created("customfieldvalue", &id, work.store.reference("customfieldvalue", &id)))
}
