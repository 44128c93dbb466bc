//! The store, told in neutral words for judges.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::field::FIELDS;
use super::store::{Store, stamp};
use super::ticket::{Comment, Presence, Ticket};
use super::world::{self, BRANDS, FORMS, GROUPS};
use crate::sim::snapshot::{FileView, MessageView, TicketState, TicketView};

/// Every ticket that was not deleted for good, by id.
pub fn tickets(store: &Store) -> Vec<TicketView> {
    let kept = store.tickets.values().filter(|ticket| ticket.presence != Presence::Scrubbed);
    kept.map(|ticket| view(store, ticket)).collect()
}

fn view(store: &Store, ticket: &Ticket) -> TicketView {
    let state = match &ticket.presence {
        Presence::Present => TicketState::Present,
        Presence::MergedInto(id) => TicketState::MergedInto(id.to_string()),
        Presence::Deleted { .. } | Presence::Scrubbed => TicketState::Deleted,
    };
    TicketView {
        id: ticket.id.to_string(),
        state,
        external_id: ticket.external_id.clone(),
        fields: fields(store, ticket),
        tags: ticket.tags.clone(),
        cc: addresses(store, &ticket.email_ccs),
        followers: addresses(store, &ticket.followers),
        created_at: ticket.created_at,
        messages: ticket.comments.iter().map(|comment| message(store, comment)).collect(),
        links: links(ticket),
    }
}

fn addresses(store: &Store, ids: &BTreeSet<u64>) -> BTreeSet<String> {
    ids.iter().map(|id| store.people.address(*id)).collect()
}

fn links(ticket: &Ticket) -> BTreeSet<(String, String)> {
    let parent = ticket.problem.map(|id| ("parent".to_string(), id.to_string()));
    let source = ticket.followup_of.map(|id| ("refers_to".to_string(), id.to_string()));
    parent.into_iter().chain(source).collect()
}

/// `custom_status`, `brand` and `form` are told only where they are not the default.
fn fields(store: &Store, ticket: &Ticket) -> BTreeMap<String, Vec<String>> {
    let organization = ticket.organization.and_then(|id| store.people.organizations.get(&id));
    let custom_status = world::custom_status(ticket.custom_status).filter(|custom| !custom.default);
    let brand = world::name_of(&BRANDS, ticket.brand).filter(|_| ticket.brand != BRANDS[0].id);
    let form = world::name_of(&FORMS, ticket.form).filter(|_| ticket.form != FORMS[0].id);
    let told = [
        ("subject", Some(ticket.subject.clone())),
        ("status", Some(ticket.status.clone())),
        ("priority", ticket.priority.clone()),
        ("type", ticket.kind.clone()),
        ("group", ticket.group.and_then(|id| world::name_of(&GROUPS, id)).map(str::to_string)),
        ("assignee", ticket.assignee.map(|id| store.people.address(id))),
        ("requester", Some(store.people.address(ticket.requester))),
        ("organisation", organization.map(|one| one.name.clone())),
        ("due", ticket.due_at.map(stamp)),
        ("custom_status", custom_status.map(|custom| custom.label.to_string())),
        ("brand", brand.map(str::to_string)),
        ("form", form.map(str::to_string)),
    ];
    let plain = told.into_iter().filter_map(|(key, value)| Some((key.to_string(), vec![value.filter(|text| !text.is_empty())?])));
    let own = FIELDS.iter().filter_map(|field| {
        let values = words(ticket.custom.get(&field.id)?);
        (!values.is_empty()).then(|| (format!("custom:{}", field.title), values))
    });
    plain.chain(own).collect()
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Bool(truth) => vec![truth.to_string()],
        Value::Array(list) => {
            let mut words: Vec<String> = list.iter().filter_map(|one| one.as_str().map(str::to_string)).collect();
            words.sort();
            words
        }
        _ => Vec::new(),
    }
}

fn message(store: &Store, comment: &Comment) -> MessageView {
    let files = comment.attachments.iter().filter_map(|id| store.files.by_id.get(id)).map(|file| FileView {
        name: file.name.clone(),
        size: file.bytes.len() as u64,
        sha256: file.sha256.clone(),
        inline: file.inline,
    });
    MessageView {
        id: comment.id.to_string(),
        author: store.people.address(comment.author),
        public: comment.public,
        at: comment.at,
        body: if comment.rich { comment.html.clone() } else { comment.plain.clone() },
        html: comment.rich,
        files: files.collect(),
    }
}
