//! What people do at the simulated RT: agents in its web pages, customers by mail. Both go through the same rules as REST2.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::link::word;
use super::mime::{Incoming, Message};
use super::note::Note;
use super::person::NewUser;
use super::store::{RT_SYSTEM, Role, Store};
use super::work::{Died, Draft, Outcome, Work};
use super::world::{TAGS, TYPE};
use crate::sim::stage::{Action, Done, Text, Who};

type Fields = BTreeMap<String, Vec<String>>;

/// Does it. Errors: the desk's refusal.
pub fn act(store: &mut Store, who: &Who, action: Action, at: DateTime<Utc>, quiet: bool) -> Result<(Done, Outcome), String> {
    let actor = store.somebody(who, at);
    let mut work = Work::new(store, actor, at, quiet);
    let done = work.perform(action)?;
    Ok((done, work.finish()))
}

impl Store {
    /// The user with that address, made if there is none: agents privileged.
    fn somebody(&mut self, who: &Who, at: DateTime<Utc>) -> u64 {
        if let Some(user) = self.user_by_email(&who.email) {
            return user.id;
        }
        let short = who.email.split('@').next().unwrap_or(&who.email).to_owned();
        let taken = self.names.contains_key(&short.to_lowercase());
        let name = if who.agent && !taken { short } else { who.email.clone() };
        let new =
            NewUser { name, email: who.email.clone(), real_name: who.name.clone(), privileged: who.agent, ..NewUser::default() };
        self.add_user(new, RT_SYSTEM, at)
    }
}

fn message(text: Text) -> Message {
    let files = text.files.into_iter().map(|file| Incoming {
        content_id: file.inline.then(|| file.name.clone()),
        name: file.name,
        content_type: file.content_type,
        bytes: file.bytes,
    });
    let kind = if text.html { "text/html" } else { "text/plain" };
    Message::new(&text.body, kind, None, files.collect())
}

/// A request as `PUT ticket` and `POST ticket` take it.
fn request(fields: Fields) -> Map<String, Value> {
    let mut request = Map::new();
    let mut custom = Map::new();
    for (key, values) in fields {
        let one = values.first().cloned().unwrap_or_default();
        let (name, value) = match key.as_str() {
            "subject" => ("Subject", json!(one)),
            "status" => ("Status", json!(one)),
            "priority" => ("Priority", json!(if one.is_empty() { "0".to_owned() } else { one })),
            "group" => ("Queue", json!(one)),
            "assignee" => ("Owner", json!(if one.is_empty() { "Nobody".to_owned() } else { one })),
            "requester" => ("Requestor", json!(values)),
            "cc" => ("Cc", json!(values)),
            "followers" => ("AdminCc", json!(values)),
            "due" if one.is_empty() => ("Due", json!("1970-01-01 00:00:00")),
            "due" => ("Due", json!(one)),
            "type" => {
                custom.insert(TYPE.to_owned(), custom_value(&values));
                continue;
            }
            other => {
                let name = other.strip_prefix("custom:").unwrap_or(other);
                custom.insert(name.to_owned(), custom_value(&values));
                continue;
            }
        };
        request.insert(name.to_owned(), value);
    }
    request.insert("CustomFields".to_owned(), Value::Object(custom));
    request
}

/// People pick times on a page, which sends them without a `Z`; an empty list clears.
fn custom_value(values: &[String]) -> Value {
    let picked = |value: &String| match DateTime::parse_from_rfc3339(value) {
        Ok(at) => at.with_timezone(&Utc).format("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => value.clone(),
    };
    if values.is_empty() { Value::Null } else { values.iter().map(|value| json!(picked(value))).collect() }
}

impl Work<'_> {
    fn find(&self, ticket: &str) -> Result<u64, String> {
        let found = ticket.parse().ok().and_then(|id: u64| self.store.tickets.get(&id).map(|ticket| ticket.id));
        let root = |mut id: u64| {
            while self.store.ticket(id).effective != id {
                id = self.store.ticket(id).effective;
            }
            id
        };
        found.map(root).ok_or_else(|| format!("there is no ticket {ticket}"))
    }

    fn perform(&mut self, action: Action) -> Result<Done, String> {
        let ticket = match &action {
            Action::Open { .. } => 0,
            Action::Reply { ticket, .. }
            | Action::Note { ticket, .. }
            | Action::Set { ticket, .. }
            | Action::Tag { ticket, .. }
            | Action::Link { ticket, .. }
            | Action::Unlink { ticket, .. }
            | Action::Merge { ticket, .. }
            | Action::Delete { ticket }
            | Action::Undelete { ticket }
            | Action::Redact { ticket, .. }
            | Action::MakePrivate { ticket, .. } => self.find(ticket)?,
        };
        if ticket != 0 {
            self.open(ticket);
        }
        let mut done = Done { ticket: ticket.to_string(), message: None };
        match action {
            Action::Open { subject, group, text, fields, tags } => return self.open_ticket(subject, group, text, fields, tags),
            Action::Reply { text, .. } => {
                done.message = Some(self.note(ticket, Note::Correspond, message(text), 0).to_string());
            }
            Action::Note { text, .. } => {
                done.message = Some(self.note(ticket, Note::Comment, message(text), 0).to_string());
            }
            Action::Set { fields, .. } => self.set_all(ticket, fields)?,
            Action::Tag { add, remove, .. } => self.tag(ticket, &add, &remove)?,
            Action::Link { kind, to, .. } => {
                let (kind, base) = word(&kind).ok_or_else(|| format!("there are no links of the kind {kind}"))?;
                self.add_link(ticket, kind, base, &to)?;
            }
            Action::Unlink { kind, to, .. } => {
                let (kind, base) = word(&kind).ok_or_else(|| format!("there are no links of the kind {kind}"))?;
                self.delete_link(ticket, kind, base, &to);
            }
            Action::Merge { into, .. } => {
                let target = self.find(&into)?;
                self.merge(ticket, target)?;
            }
            Action::Delete { .. } => {
                self.set_status(ticket, "deleted")?;
            }
            Action::Undelete { .. } => {
                self.set_status(ticket, "open")?;
            }
            Action::Redact { message, words, .. } => self.munge(ticket, &message, &words)?,
            Action::MakePrivate { .. } => return Err("RT cannot make a comment of a reply".to_owned()),
        }
        Ok(done)
    }

    fn open_ticket(
        &mut self,
        subject: String,
        group: String,
        text: Text,
        mut fields: Fields,
        tags: Vec<String>,
    ) -> Result<Done, String> {
        let user = &self.store.users[&self.actor];
        if !user.privileged {
            fields.entry("requester".to_owned()).or_insert_with(|| vec![user.email.clone()]);
        }
        let late: Fields = ["status"].into_iter().filter_map(|key| fields.remove_entry(key)).collect();
        let mut request = request(fields);
        request.insert("Queue".to_owned(), json!(group));
        request.insert("Subject".to_owned(), json!(subject));
        request["CustomFields"][TAGS] = json!(tags);
        let id = self.create(&request, Some(message(text))).map_err(|refused| refused.sentence)?;
        let created = self.store.ticket(id).transactions.first().map(u64::to_string);
        if let Some(status) = late.get("status").and_then(|values| values.first()).filter(|status| *status != "new") {
            self.set_status(id, status)?;
        }
        Ok(Done { ticket: id.to_string(), message: created })
    }

    /// A page's form: everything at once; the first refusal is told.
    fn set_all(&mut self, ticket: u64, mut fields: Fields) -> Result<(), String> {
        if let Some(email) = fields.get("assignee").and_then(|values| values.first()).cloned() {
            let user = self.store.user_by_email(&email).or_else(|| self.store.user(&email));
            let name = user.map(|user| user.name.clone()).ok_or_else(|| format!("there is no user {email}"))?;
            fields.insert("assignee".to_owned(), vec![name]);
        }
        let mut request = request(fields);
        for role in Role::ALL {
            if let Some(wanted) = request.remove(role.name()) {
                self.set_watchers(ticket, role, &wanted).map_err(|Died| "somebody cannot be found".to_owned())?;
            }
        }
        let queue = self.store.ticket(ticket).queue;
        let custom = request.remove("CustomFields");
        for (name, value) in custom.as_ref().and_then(Value::as_object).into_iter().flatten() {
            let field = self.store.field(queue, false, name).cloned().ok_or_else(|| format!("there is no field {name}"))?;
            let value = if field.multiple && value.is_null() { json!([]) } else { value.clone() };
            if let Some(list) = value.as_array() {
                let texts = list.iter().filter_map(Value::as_str);
                texts.map(|text| field.accept(text)).collect::<Result<Vec<_>, _>>()?;
            }
            self.set_field(ticket, &field, &value).map_err(|Died| format!("{name} cannot be set"))?;
        }
        let sentences = self.update(ticket, &request);
        let refused = |sentence: &&String| {
            ["isn't a valid", "does not exist", "may not own", "could not be", "unresolved"]
                .iter()
                .any(|word| sentence.contains(word))
        };
        sentences.iter().find(refused).map_or(Ok(()), |sentence| Err(sentence.clone()))
    }

    fn tag(&mut self, ticket: u64, add: &[String], remove: &[String]) -> Result<(), String> {
        let queue = self.store.ticket(ticket).queue;
        let field = self.store.field(queue, false, TAGS).cloned().ok_or("this queue has no tags")?;
        let had = self.store.ticket(ticket).values.get(&field.id).cloned().unwrap_or_default();
        let mut tags: Vec<String> = had.into_iter().flatten().filter(|tag| !remove.contains(tag)).collect();
        tags.extend(add.iter().filter(|tag| !tags.contains(tag)).cloned().collect::<Vec<_>>());
        self.set_field(ticket, &field, &json!(tags)).map(|_| ()).map_err(|Died| "the tags cannot be set".to_owned())
    }

    /// What an admin does with `rt-munge-attachments`: words are taken out of stored texts, and a `Munge` says so.
    fn munge(&mut self, ticket: u64, message: &str, words: &str) -> Result<(), String> {
        let history = self.store.history(ticket);
        let id = message.parse().ok().filter(|id| history.contains(id)).ok_or("there is no such message")?;
        for id in self.store.transactions[&id].attachments.clone() {
            let Some(node) = self.store.attachments.get_mut(&id) else { continue };
            let Some(text) = node.content.as_ref().and_then(|bytes| String::from_utf8(bytes.clone()).ok()) else { continue };
            if text.contains(words) {
                node.content = Some(text.replace(words, "").into_bytes());
            }
        }
        self.record_by_scrip(ticket, Draft { kind: "Munge", ..Draft::default() }, RT_SYSTEM);
        Ok(())
    }
}
