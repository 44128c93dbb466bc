//! The webhook events of a change, as documented for ticket events: one envelope, a summary of the ticket, the change.

use std::collections::BTreeSet;

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::field::{self, FIELDS};
use super::store::{Store, stamp};
use super::ticket::{Audit, Comment, Ticket, author};
use super::webhook::Outgoing;
use super::world::ACCOUNT;

/// The name of an event without `zen:event-type:ticket.`, and what it tells.
pub type Fact = (&'static str, Value);

/// Everything that webhooks tell of a change.
pub fn facts(store: &Store, before: Option<&Ticket>, after: &Ticket, comment: Option<&Comment>, extra: Vec<Fact>) -> Vec<Fact> {
    let mut facts = Vec::new();
    match before {
        None => facts.push(("created", json!({}))),
        Some(before) => {
            facts.extend(plain_changes(before, after));
            facts.extend(set_changes(before, after));
            facts.extend(FIELDS.iter().filter_map(|field| field_change(store, field, before, after)));
        }
    }
    if let Some(comment) = comment {
        facts.push(("comment_added", json!({"comment": comment_told(store, comment)})));
        facts.extend(comment.attachments.iter().filter_map(|id| attachment_linked(store, comment, *id)));
    }
    facts.extend(extra);
    facts
}

fn id_text(id: Option<u64>) -> Value {
    id.map_or(Value::Null, |id| json!(id.to_string()))
}

fn upper(word: Option<&str>) -> Value {
    word.map_or(Value::Null, |word| json!(word.to_uppercase()))
}

fn plain_changes(before: &Ticket, after: &Ticket) -> Vec<Fact> {
    let pairs: [(&'static str, Value, Value); 14] = [
        ("subject_changed", json!(before.subject), json!(after.subject)),
        ("status_changed", upper(Some(&before.status)), upper(Some(&after.status))),
        ("custom_status_changed", id_text(Some(before.custom_status)), id_text(Some(after.custom_status))),
        ("priority_changed", upper(before.priority.as_deref()), upper(after.priority.as_deref())),
        ("type_changed", upper(before.kind.as_deref()), upper(after.kind.as_deref())),
        ("requester_changed", id_text(Some(before.requester)), id_text(Some(after.requester))),
        ("agent_assignment_changed", id_text(before.assignee), id_text(after.assignee)),
        ("group_assignment_changed", id_text(before.group), id_text(after.group)),
        ("organization_changed", id_text(before.organization), id_text(after.organization)),
        ("brand_changed", id_text(Some(before.brand)), id_text(Some(after.brand))),
        ("form_changed", id_text(Some(before.form)), id_text(Some(after.form))),
        ("external_id_changed", json!(before.external_id), json!(after.external_id)),
        ("problem_link_changed", id_text(before.problem), id_text(after.problem)),
        ("task_due_at_changed", json!(before.due_at.map(stamp)), json!(after.due_at.map(stamp))),
    ];
    let changed = pairs.into_iter().filter(|(_, was, is)| was != is);
    changed.map(|(name, was, is)| (name, json!({"current": is, "previous": was}))).collect()
}

fn set_changes(before: &Ticket, after: &Ticket) -> Vec<Fact> {
    let mut facts = Vec::new();
    if before.tags != after.tags {
        let added: Vec<&String> = after.tags.difference(&before.tags).collect();
        let removed: Vec<&String> = before.tags.difference(&after.tags).collect();
        facts.push(("tags_changed", json!({"tags_added": added, "tags_removed": removed})));
    }
    let users = |from: &BTreeSet<u64>, to: &BTreeSet<u64>| to.difference(from).map(u64::to_string).collect::<Vec<_>>();
    for (name, was, is) in
        [("email_ccs_changed", &before.email_ccs, &after.email_ccs), ("followers_changed", &before.followers, &after.followers)]
    {
        if was != is {
            facts.push((name, json!({"users_added": users(was, is), "users_removed": users(is, was)})));
        }
    }
    facts
}

fn field_change(store: &Store, field: &field::Field, before: &Ticket, after: &Ticket) -> Option<Fact> {
    let (was, is) = (before.custom.get(&field.id), after.custom.get(&field.id));
    (was != is).then(|| {
        let about = json!({"id": field.id.to_string(), "title": store.stock.title(field), "type": field.kind.word()});
        ("custom_field_changed", json!({"custom_field": about, "current": {"value": is}, "previous": {"value": was}}))
    })
}

/// A comment as events tell it.
pub fn comment_told(store: &Store, comment: &Comment) -> Value {
    let author = store.people.users.get(&comment.author);
    json!({
        "id": comment.id.to_string(), "body": comment.plain, "is_public": comment.public,
        "author": {
            "id": comment.author.to_string(), "is_staff": author.is_some_and(|user| user.is_staff()),
            "name": author.map(|user| user.name.as_str()).unwrap_or_default(),
        },
    })
}

fn attachment_linked(store: &Store, comment: &Comment, id: u64) -> Option<Fact> {
    let file = store.files.by_id.get(&id)?;
    let attachment = json!({
        "id": id.to_string(), "content_type": file.content_type, "content_url": file.url(&store.url), "filename": file.name,
        "is_public": comment.public,
    });
    Some(("attachment_linked_to_comment", json!({"comment": {"id": comment.id.to_string(), "attachment": attachment}})))
}

fn detail(ticket: &Ticket, actor: u64) -> Value {
    let tags = if ticket.tags.is_empty() { Value::Null } else { json!(ticket.tags) };
    let status = if ticket.is_there() { ticket.status.as_str() } else { "deleted" };
    json!({
        "actor_id": author(actor).to_string(), "assignee_id": id_text(ticket.assignee), "brand_id": ticket.brand.to_string(),
        "created_at": stamp(ticket.created_at), "custom_status": ticket.custom_status.to_string(),
        "description": ticket.description(), "external_id": ticket.external_id, "form_id": ticket.form.to_string(),
        "group_id": id_text(ticket.group), "id": ticket.id.to_string(), "is_public": ticket.is_public(),
        "organization_id": id_text(ticket.organization), "priority": upper(ticket.priority.as_deref()),
        "requester_id": ticket.requester.to_string(), "status": upper(Some(status)), "subject": ticket.subject,
        "submitter_id": ticket.submitter.to_string(), "tags": tags, "type": upper(ticket.kind.as_deref()),
        "updated_at": stamp(ticket.updated_at), "via": {"channel": if ticket.channel == "email" { "mail" } else { ticket.channel.as_str() }},
    })
}

/// Puts the events of one action in the way of every webhook that subscribes to them.
pub fn send(store: &mut Store, ticket: &Ticket, audit: &Audit, facts: Vec<Fact>) {
    let sequence = store.token(26).to_uppercase();
    let time = store.clock.now().to_rfc3339_opts(SecondsFormat::Nanos, true);
    let detail = detail(ticket, audit.author);
    for (position, (name, mut event)) in facts.into_iter().enumerate() {
        let kind = format!("zen:event-type:ticket.{name}");
        let listening: Vec<String> =
            store.webhooks.values().filter(|hook| hook.wants(&kind)).map(|hook| hook.id.clone()).collect();
        if listening.is_empty() {
            continue;
        }
        event["meta"] = json!({"sequence": {"id": sequence, "position": position + 1}});
        let id = store.uuid();
        let body = json!({
            "account_id": ACCOUNT, "detail": detail, "event": event, "id": id, "subject": format!("zen:ticket:{}", ticket.id),
            "time": time, "type": kind, "zendesk_event_version": "2022-11-06",
        });
        let body = body.to_string();
        for webhook in listening {
            store.outgoing.push(Outgoing { webhook, body: body.clone() });
        }
    }
}
