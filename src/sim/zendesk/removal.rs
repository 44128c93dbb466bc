//! How tickets end: deleted, restored, scrubbed, marked as spam, merged.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::{Call, id_of, ids_of, truth};
use super::commit::{Deed, Saying, commit};
use super::html;
use super::jobs;
use super::paging;
use super::store::{Store, stamp};
use super::ticket::{Presence, Ticket};

fn status_told(value: &str, was: &str) -> Value {
    json!({"type": "Change", "field_name": "status", "value": value, "previous_value": was})
}

/// Deletes a ticket; it can be restored. Errors: 404. Closed ones can be deleted too.
pub fn delete_ticket(store: &mut Store, id: u64, deed: Deed, fact: &'static str) -> Result<u64, Refusal> {
    let mut ticket = store.ticket(id)?.clone();
    let told = status_told("deleted", &ticket.status);
    ticket.presence = Presence::Deleted { at: deed.at, by: deed.actor };
    let mut deed = deed.telling(told, (fact, json!({})));
    deed.rules = false;
    commit(store, ticket, None, deed);
    Ok(id)
}

/// Brings a deleted ticket back. Errors: 404 if it is not among the deleted ones.
pub fn restore_ticket(store: &mut Store, id: u64, deed: Deed) -> Result<u64, Refusal> {
    let mut ticket = deleted(store, id)?.clone();
    let told = status_told(&ticket.status, "deleted");
    ticket.presence = Presence::Present;
    let mut deed = deed.telling(told, ("undeleted", json!({})));
    deed.rules = false;
    commit(store, ticket, None, deed);
    Ok(id)
}

fn deleted(store: &Store, id: u64) -> Result<&Ticket, Refusal> {
    let known = store.tickets.get(&id).filter(|ticket| matches!(ticket.presence, Presence::Deleted { .. }));
    known.ok_or_else(Refusal::not_found)
}

/// `DELETE /api/v2/tickets/{id}`
pub fn delete(store: &mut Store, call: &Call) -> Outcome {
    let deed = Deed::by_api(store, call.actor);
    delete_ticket(store, call.id(0)?, deed, "soft_deleted")?;
    Answer::no_content()
}

/// `DELETE /api/v2/tickets/destroy_many`
pub fn delete_many(store: &mut Store, call: &Call) -> Outcome {
    let list = call.ids("ids").into_iter().map(|id| serde_json::Map::from_iter([("id".to_string(), json!(id))])).collect();
    jobs::each(store, call, "delete", list, |store, wanted| {
        let deed = Deed::by_api(store, call.actor);
        delete_ticket(store, wanted.get("id").and_then(id_of).unwrap_or_default(), deed, "soft_deleted")
    })
}

/// `PUT /api/v2/tickets/{id}/mark_as_spam`: deletes the ticket and suspends its requester, as documented.
pub fn mark_as_spam(store: &mut Store, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let requester = store.ticket(id)?.requester;
    let deed = Deed::by_api(store, call.actor);
    delete_ticket(store, id, deed, "marked_as_spam")?;
    let now = store.now();
    if let Some(user) = store.people.users.get_mut(&requester)
        && !user.is_staff()
    {
        user.suspended = true;
        user.updated_at = now;
    }
    Answer::ok(json!({}))
}

/// `GET /api/v2/deleted_tickets`
pub fn list_deleted(store: &mut Store, call: &Call) -> Outcome {
    let gone = store.tickets.values().filter(|ticket| matches!(ticket.presence, Presence::Deleted { .. }));
    let mut ids: Vec<u64> = gone.map(|ticket| ticket.id).collect();
    ids.sort_by_key(|id| (store.tickets[id].created_at, *id));
    Answer::ok(paging::keyed(store, call, "deleted_tickets", &ids, |id| deleted_told(store, &store.tickets[&id]))?)
}

fn deleted_told(store: &Store, ticket: &Ticket) -> Value {
    let Presence::Deleted { at, by } = &ticket.presence else { return Value::Null };
    let name = store.people.users.get(by).map(|user| user.name.as_str());
    json!({
        "id": ticket.id, "subject": ticket.subject, "description": ticket.description(), "actor": {"id": by, "name": name},
        "deleted_at": stamp(*at), "previous_state": ticket.status,
    })
}

/// `PUT /api/v2/deleted_tickets/{id}/restore`
pub fn restore(store: &mut Store, call: &Call) -> Outcome {
    let deed = Deed::by_api(store, call.actor);
    restore_ticket(store, call.id(0)?, deed)?;
    Answer::ok(json!({}))
}

/// `DELETE /api/v2/deleted_tickets/{id}`: for good. A tombstone stays in the export.
pub fn scrub(store: &mut Store, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let mut ticket = deleted(store, id)?.clone();
    ticket.presence = Presence::Scrubbed;
    ticket.subject = "SCRUBBED".to_string();
    ticket.comments.clear();
    let mut deed = Deed::by_api(store, call.actor);
    deed.facts.push(("permanently_deleted", json!({})));
    deed.rules = false;
    commit(store, ticket, None, deed);
    let result = json!({"index": 0, "id": id, "action": "delete", "success": true, "status": "Deleted"});
    Answer::ok(jobs::finished(store, call, vec![result]))
}

/// What the two tickets of a merge are told.
pub struct Words {
    pub target: Option<String>,
    pub source: Option<String>,
    pub target_public: bool,
    pub source_public: bool,
}

/// `POST /api/v2/tickets/{id}/merge`
pub fn merge(store: &mut Store, call: &Call) -> Outcome {
    let into = call.id(0)?;
    store.open_ticket(into)?;
    let wanted = call.object()?;
    let text = |key: &str| wanted.get(key).and_then(Value::as_str).map(str::to_string);
    let words = Words {
        target: text("target_comment"),
        source: text("source_comment"),
        target_public: truth(wanted.get("target_comment_is_public")),
        source_public: truth(wanted.get("source_comment_is_public")),
    };
    let mut results = Vec::new();
    for (index, id) in ids_of(wanted.get("ids").unwrap_or(&Value::Null)).into_iter().enumerate() {
        let deed = Deed::by_api(store, call.actor);
        results.push(match merge_ticket(store, id, into, &words, &deed) {
            Ok(()) => json!({"index": index, "id": id, "action": "merge", "success": true, "status": "Updated"}),
            Err(refusal) => json!({"index": index, "id": id, "success": false, "error": refusal.words()}),
        });
    }
    Answer::ok(jobs::finished(store, call, results))
}

/// Closes a ticket in favour of another; both get a comment, the tag `closed_by_merge` says so, and the files of the
/// closed one come along. Errors: 404, 422 if either is closed.
pub fn merge_ticket(store: &mut Store, id: u64, into: u64, words: &Words, deed: &Deed) -> Result<(), Refusal> {
    if id == into {
        return Err(Refusal::invalid("ids", "A ticket cannot be merged into itself", "InvalidValue"));
    }
    let mut source = store.open_ticket(id)?.clone();
    let target = store.open_ticket(into)?.clone();
    let last = source.comments.iter().rev().find(|comment| comment.public).map(|comment| comment.plain.as_str());
    let said = format!(
        "Request #{id} \"{}\" was closed and merged into this request. Last comment in request #{id}:\n\n{}",
        source.subject,
        last.unwrap_or_default()
    );
    let mut to_target = say(deed.actor, words.target.as_deref().unwrap_or(&said), words.target_public);
    to_target.files = copies(store, &source);
    to_target.via = Some(json!({"channel": deed.via["channel"], "source": {
        "from": {"ticket_id": id, "subject": source.subject}, "to": {}, "rel": "merge"}}));
    commit(store, target.clone(), Some(to_target), deed.clone());

    let said = format!("This request was closed and merged into request #{into} \"{}\".", target.subject);
    let mut to_source = say(deed.actor, words.source.as_deref().unwrap_or(&said), words.source_public);
    to_source.via = Some(json!({"channel": deed.via["channel"], "source": {
        "from": {}, "to": {"ticket_id": into, "subject": target.subject}, "rel": "merge"}}));
    source.status = "closed".to_string();
    source.custom_status = super::world::default_custom_status("closed");
    source.tags.insert("closed_by_merge".to_string());
    source.presence = Presence::MergedInto(into);
    let mut deed = deed.clone();
    deed.facts.push(("merged", json!({"target_ticket_id": into.to_string()})));
    commit(store, source, Some(to_source), deed);
    Ok(())
}

fn say(author: u64, text: &str, public: bool) -> Saying {
    Saying { author, public, html: html::from_plain(text), plain: text.to_string(), rich: false, files: Vec::new(), via: None }
}

fn copies(store: &mut Store, source: &Ticket) -> Vec<u64> {
    let ids: Vec<u64> = source.comments.iter().flat_map(|comment| comment.attachments.iter().copied()).collect();
    let mut made = Vec::new();
    for id in ids {
        let Some(mut file) = store.files.by_id.get(&id).cloned().filter(|file| !file.inline) else { continue };
        file.id = store.next_id();
        file.token = store.token(24);
        file.ticket = None;
        made.push(file.id);
        store.files.put(file);
    }
    made
}
