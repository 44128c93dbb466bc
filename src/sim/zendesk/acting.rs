//! What people do at the desk's own pages, and customers by mail.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use serde_json::{Map, Value, json};

use super::answer::Refusal;
use super::change;
use super::comments;
use super::commit::{Deed, Saying, commit, via};
use super::field::{self, Kind};
use super::files::{File, digest};
use super::html;
use super::removal::{Words, delete_ticket, merge_ticket, restore_ticket};
use super::store::Store;
use super::ticket::Ticket;
use super::tickets::blank;
use super::world::{self, BRANDS, CUSTOM_STATUSES, FORMS, GROUPS};
use crate::sim::stage::{Action, Done, Text, Who};

type Fields = BTreeMap<String, Vec<String>>;

/// When it is done, and whether anybody is told.
#[derive(Debug, Clone, Copy)]
pub struct When {
    pub at: DateTime<Utc>,
    pub quiet: bool,
}

/// Does it. Errors: the desk's refusal.
pub fn act(store: &mut Store, who: &Who, action: Action, when: When) -> Result<Done, Refusal> {
    let actor = person(store, who);
    let deed = deed(actor, who, when);
    match action {
        Action::Open { subject, group, text, fields, tags } => {
            let opening = Opening { subject, group, fields, tags };
            open(store, opening, &text, deed)
        }
        Action::Reply { ticket, text } => say(store, &ticket, &text, true, deed),
        Action::Note { ticket, text } => say(store, &ticket, &text, false, deed),
        Action::Set { ticket, fields } => {
            let id = number(&ticket)?;
            let wanted = wanted(store, store.ticket(id)?.clone(), &fields)?;
            change(store, id, &wanted, deed)
        }
        Action::Tag { ticket, add, remove } => {
            change(store, number(&ticket)?, &object(json!({"additional_tags": add, "remove_tags": remove})), deed)
        }
        Action::Link { ticket, kind, to } => link(store, number(&ticket)?, &kind, Some(number(&to)?), deed),
        Action::Unlink { ticket, kind, .. } => link(store, number(&ticket)?, &kind, None, deed),
        Action::Merge { ticket, into } => {
            let words = Words { target: None, source: None, target_public: false, source_public: false };
            merge_ticket(store, number(&ticket)?, number(&into)?, &words, &deed)?;
            done(store, number(&into)?)
        }
        Action::Delete { ticket } => delete_ticket(store, number(&ticket)?, deed, "soft_deleted").map(only),
        Action::Undelete { ticket } => restore_ticket(store, number(&ticket)?, deed).map(only),
        Action::Redact { ticket, message, words } => {
            comments::redact_words(store, number(&ticket)?, number(&message)?, &words, deed)?;
            Ok(only(number(&ticket)?))
        }
        Action::MakePrivate { ticket, message } => {
            comments::hide(store, number(&ticket)?, number(&message)?, deed)?;
            Ok(only(number(&ticket)?))
        }
    }
}

fn deed(actor: u64, who: &Who, when: When) -> Deed {
    Deed {
        actor,
        at: when.at.trunc_subsecs(0),
        via: via(if who.agent { "web" } else { "email" }),
        custom: json!({}),
        rules: !when.quiet,
        webhooks: !when.quiet,
        reopens: true,
        told: Vec::new(),
        facts: Vec::new(),
    }
}

fn number(id: &str) -> Result<u64, Refusal> {
    id.trim().parse().map_err(|_| Refusal::not_found())
}

fn only(ticket: u64) -> Done {
    Done { ticket: ticket.to_string(), message: None }
}

/// The ticket and its newest message.
fn done(store: &Store, ticket: u64) -> Result<Done, Refusal> {
    let newest = store.ticket(ticket)?.comments.last().map(|comment| comment.id.to_string());
    Ok(Done { ticket: ticket.to_string(), message: newest })
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// The one who acts; strangers are made. A strange agent is in every group.
fn person(store: &mut Store, who: &Who) -> u64 {
    if who.agent { agent(store, &who.email, Some(&who.name)) } else { change::customer(store, &who.email, Some(&who.name)) }
}

fn agent(store: &mut Store, email: &str, name: Option<&str>) -> u64 {
    let id = change::customer(store, email, name);
    if let Some(mut user) = store.people.users.get(&id).filter(|user| !user.is_staff()).cloned() {
        user.role = "agent".to_string();
        user.verified = true;
        user.default_group = Some(GROUPS[0].id);
        store.people.put(user);
        for group in &GROUPS {
            store.people.members.entry(group.id).or_default().insert(id);
        }
    }
    id
}

struct Opening {
    subject: String,
    group: String,
    fields: Fields,
    tags: Vec<String>,
}

fn open(store: &mut Store, opening: Opening, text: &Text, deed: Deed) -> Result<Done, Refusal> {
    let mut ticket = blank(&deed);
    ticket.organization = store.people.users.get(&deed.actor).and_then(|user| user.organization);
    let mut wanted = wanted(store, ticket.clone(), &opening.fields)?;
    wanted.insert("subject".to_string(), json!(opening.subject));
    wanted.insert("tags".to_string(), json!(opening.tags));
    if let Some(group) = world::group_named(&opening.group) {
        wanted.entry("group_id").or_insert(json!(group));
    }
    change::apply(store, &mut ticket, &wanted)?;
    ticket.id = store.next_ticket();
    let id = ticket.id;
    let saying = saying(store, text, true, &deed);
    commit(store, ticket, Some(saying), deed);
    done(store, id)
}

fn say(store: &mut Store, ticket: &str, text: &Text, public: bool, deed: Deed) -> Result<Done, Refusal> {
    let ticket = store.ticket(number(ticket)?)?.clone();
    if ticket.is_closed() && public && store.people.users.get(&deed.actor).is_some_and(|user| !user.is_staff()) {
        return follow_up(store, &ticket, text, deed);
    }
    let ticket = store.open_ticket(ticket.id)?.clone();
    let id = ticket.id;
    let saying = saying(store, text, public, &deed);
    commit(store, ticket, Some(saying), deed);
    done(store, id)
}

/// A customer's answer to a closed ticket is a new ticket that follows it up.
fn follow_up(store: &mut Store, closed: &Ticket, text: &Text, deed: Deed) -> Result<Done, Refusal> {
    let mut ticket = blank(&deed);
    ticket.subject.clone_from(&closed.subject);
    ticket.requester = closed.requester;
    ticket.organization = closed.organization;
    ticket.group = closed.group;
    ticket.followup_of = Some(closed.id);
    let mut tags = closed.tags.clone();
    tags.remove("closed_by_merge");
    field::set_tags(&mut ticket, tags, &store.stock);
    ticket.id = store.next_ticket();
    let (id, at) = (ticket.id, deed.at);
    let saying = saying(store, text, true, &deed);
    commit(store, ticket, Some(saying), deed);
    store.followed_up(closed.id, id, at);
    done(store, id)
}

fn saying(store: &mut Store, text: &Text, public: bool, deed: &Deed) -> Saying {
    let mut body = text.body.clone();
    let mut files = Vec::new();
    for file in &text.files {
        let stored = File {
            id: store.next_id(),
            token: store.token(24),
            name: file.name.clone(),
            content_type: file.content_type.clone(),
            sha256: digest(&file.bytes),
            bytes: Bytes::from(file.bytes.clone()),
            inline: file.inline,
            ticket: None,
            at: deed.at,
        };
        body = body.replace(&format!("cid:{}", file.name), &stored.url(&store.url));
        files.push(stored.id);
        store.files.put(stored);
    }
    let html = if text.html { html::clean(&body) } else { html::from_plain(&body) };
    let plain = if text.html { html::to_plain(&html) } else { body.trim().to_string() };
    Saying { author: deed.actor, public, html, plain, rich: text.html, files, via: None }
}

fn change(store: &mut Store, id: u64, wanted: &Map<String, Value>, deed: Deed) -> Result<Done, Refusal> {
    let mut ticket = store.open_ticket(id)?.clone();
    change::apply(store, &mut ticket, wanted)?;
    commit(store, ticket, None, deed);
    Ok(only(id))
}

/// A problem gets an incident; the two are made such if they are not.
fn link(store: &mut Store, id: u64, kind: &str, to: Option<u64>, deed: Deed) -> Result<Done, Refusal> {
    if kind != "parent" {
        return Err(Refusal::invalid("problem_id", "Only problems and incidents can be linked", "InvalidValue"));
    }
    let Some(to) = to else {
        return change(store, id, &object(json!({"problem_id": null})), deed);
    };
    if store.open_ticket(to)?.kind.as_deref() != Some("problem") {
        change(store, to, &object(json!({"type": "problem"})), deed.clone())?;
    }
    change(store, id, &object(json!({"type": "incident", "problem_id": to})), deed)
}

/// The API's words for what a person sets. Errors: unknown keys, groups, options.
fn wanted(store: &mut Store, ticket: Ticket, fields: &Fields) -> Result<Map<String, Value>, Refusal> {
    let mut wanted = Map::new();
    let mut own = Vec::new();
    for (key, values) in fields {
        let first = values.first().map(String::as_str);
        let unknown =
            || Refusal::invalid(key, &format!("{key}: {} is not known here", first.unwrap_or_default()), "InvalidValue");
        let word = json!(first);
        let (name, value) = match key.as_str() {
            "subject" | "status" | "priority" | "type" | "external_id" => (key.as_str(), word),
            "due" => {
                let kind = fields.get("type").and_then(|kinds| kinds.first()).or(ticket.kind.as_ref());
                if first.is_some() && kind.is_none_or(|kind| kind != "task") {
                    return Err(Refusal::invalid("due_at", "Due date: only tasks have one", "InvalidValue"));
                }
                ("due_at", word)
            }
            "tags" => ("tags", json!(values)),
            "requester" => ("requester", word),
            "assignee" => ("assignee_id", json!(first.map(|email| agent(store, email, None)))),
            "group" => ("group_id", named(first, world::group_named).ok_or_else(unknown)?),
            "brand" => ("brand_id", named(first, |name| id_in(&BRANDS, name)).ok_or_else(unknown)?),
            "form" => ("ticket_form_id", named(first, |name| id_in(&FORMS, name)).ok_or_else(unknown)?),
            "custom_status" => ("custom_status_id", named(first, custom_status).ok_or_else(unknown)?),
            "organisation" => {
                join(store, fields, &ticket, first);
                let found = named(first, |name| store.people.organization_named(name).map(|one| one.id));
                ("organization_id", found.ok_or_else(unknown)?)
            }
            "cc" => ("email_ccs", listed(store, &ticket.email_ccs, values)),
            "followers" => {
                for email in values {
                    agent(store, email, None);
                }
                ("followers", listed(store, &ticket.followers, values))
            }
            other => {
                let field = other.strip_prefix("custom:").and_then(field::by_title).ok_or_else(unknown)?;
                own.push(json!({"id": field.id, "value": own_value(field, values)}));
                continue;
            }
        };
        wanted.insert(name.to_string(), value);
    }
    wanted.insert("custom_fields".to_string(), Value::Array(own));
    Ok(wanted)
}

/// An agent who moves a ticket to an organisation puts its requester there first: the desk demands it.
fn join(store: &mut Store, fields: &Fields, ticket: &Ticket, organization: Option<&str>) {
    let requester = fields.get("requester").and_then(|emails| emails.first()).map(|email| change::customer(store, email, None));
    let organization = organization.and_then(|name| store.people.organization_named(name)).map(|one| one.id);
    let user = store.people.users.get(&requester.unwrap_or(ticket.requester)).cloned();
    if let Some(mut user) = user.filter(|_| organization.is_some()) {
        user.organization = organization;
        store.people.put(user);
    }
}

/// Null if nothing is named; `None` if the name is not known.
fn named(name: Option<&str>, find: impl FnOnce(&str) -> Option<u64>) -> Option<Value> {
    match name {
        None => Some(Value::Null),
        Some(name) => find(name).map(|id| json!(id)),
    }
}

fn id_in(list: &'static [world::Named], name: &str) -> Option<u64> {
    list.iter().find(|named| named.name.eq_ignore_ascii_case(name)).map(|named| named.id)
}

fn custom_status(label: &str) -> Option<u64> {
    CUSTOM_STATUSES.iter().find(|custom| custom.label.eq_ignore_ascii_case(label)).map(|custom| custom.id)
}

/// The difference between the people that are there and those that are wanted.
fn listed(store: &Store, there: &BTreeSet<u64>, wanted: &[String]) -> Value {
    let gone = there.iter().filter(|id| !wanted.contains(&store.people.address(**id)));
    let removed = gone.map(|id| json!({"user_id": id, "action": "delete"}));
    removed.chain(wanted.iter().map(|email| json!({"user_email": email, "action": "put"}))).collect()
}

/// A drop-down's options can be named by name or by tag.
fn own_value(field: &field::Field, values: &[String]) -> Value {
    let option = |word: &String| {
        let found = field.kind.options().iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        found.map_or_else(|| word.clone(), |(_, tag)| (*tag).to_string())
    };
    match field.kind {
        Kind::Multiselect(_) => json!(values.iter().map(option).collect::<Vec<_>>()),
        Kind::Checkbox(_) => json!(values.first().is_some_and(|word| word == "true")),
        _ => values.first().map_or(Value::Null, |word| json!(option(word))),
    }
}
