//! The Ticket Import API: whole tickets with their own times, and neither triggers nor mails.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::{Call, id_of};
use super::change;
use super::commit::{Deed, Saying, commit};
use super::jobs;
use super::saying::{self, Defaults};
use super::store::{Store, read_time};
use super::ticket::Ticket;
use super::tickets::{blank, follow_up};
use super::wire;

/// `POST /api/v2/imports/tickets`
pub fn create(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("ticket")?;
    let id = import(store, &wanted, call)?;
    let told = wire::ticket(store, store.ticket(id)?);
    Answer::created(json!({"ticket": told}))
}

/// `POST /api/v2/imports/tickets/create_many`
pub fn create_many(store: &mut Store, call: &Call) -> Outcome {
    let list = call.wrapped_list("tickets")?;
    jobs::each(store, call, "create", list, |store, wanted| import(store, &wanted, call))
}

/// A comment with the time that it is to have.
struct Dated {
    saying: Saying,
    at: DateTime<Utc>,
    custom: Value,
}

fn import(store: &mut Store, wanted: &Map<String, Value>, call: &Call) -> Result<u64, Refusal> {
    let now = store.now();
    let mut deed = Deed::by_api(store, call.actor);
    deed.rules = false;
    deed.reopens = false;
    let mut ticket = blank(&deed);
    change::apply(store, &mut ticket, wanted)?;
    if let Some(submitter) = wanted.get("submitter_id").and_then(id_of) {
        ticket.submitter = store.user(submitter)?.id;
    }
    ticket.created_at = time(wanted, "created_at", now)?.unwrap_or(now);
    let followed = follow_up(store, &mut ticket, wanted);
    let comments = comments(store, wanted, &ticket, now)?;
    let updated = time(wanted, "updated_at", now)?;
    let solved = time(wanted, "solved_at", now)?;
    ticket.id = store.next_ticket();
    let id = ticket.id;
    if call.query("archive_immediately") == Some("true") && ticket.status == "solved" {
        ticket.status = "closed".to_string();
    }
    let created = ticket.created_at;
    let mut next = Some(ticket);
    for (place, dated) in comments.into_iter().enumerate() {
        let state = next.take().or_else(|| store.tickets.get(&id).cloned()).ok_or_else(Refusal::not_found)?;
        let mut own = deed.clone();
        own.at = dated.at;
        own.custom = dated.custom;
        own.webhooks = place == 0;
        commit(store, state, Some(dated.saying), own);
    }
    stamp_times(store, id, created, updated, solved);
    store.touch(id, now);
    if let Some(closed) = followed {
        store.followed_up(closed, id, now);
    }
    Ok(id)
}

/// The client's times win over those of the audits.
fn stamp_times(
    store: &mut Store,
    id: u64,
    created: DateTime<Utc>,
    updated: Option<DateTime<Utc>>,
    solved: Option<DateTime<Utc>>,
) {
    if let Some(ticket) = store.tickets.get_mut(&id) {
        ticket.created_at = created;
        ticket.updated_at = updated.unwrap_or(ticket.updated_at).max(created);
        ticket.solved_at = solved.or(ticket.solved_at);
        ticket.before = None;
    }
}

fn comments(store: &mut Store, wanted: &Map<String, Value>, ticket: &Ticket, now: DateTime<Utc>) -> Result<Vec<Dated>, Refusal> {
    let mut list: Vec<Map<String, Value>> = match wanted.get("comments") {
        Some(Value::Array(list)) => list.iter().filter_map(|one| one.as_object().cloned()).collect(),
        _ => Vec::new(),
    };
    if let Some(Value::Object(one)) = wanted.get("comment") {
        list.insert(0, one.clone());
    }
    if list.is_empty() {
        let text = wanted.get("description").cloned().unwrap_or_default();
        list.push(Map::from_iter([("body".to_string(), text)]));
    }
    let mut dated = Vec::new();
    for one in list {
        let defaults = Defaults { author: ticket.requester, public: true };
        let Some(saying) = saying::read(store, &one, &defaults)? else { continue };
        let at = time(&one, "created_at", now)?.unwrap_or(ticket.created_at);
        let mut custom = saying::metadata(&Map::from_iter([("comment".to_string(), Value::Object(one))]));
        if dated.is_empty() {
            let whole = saying::metadata(&Map::from_iter([(
                "metadata".to_string(),
                wanted.get("metadata").cloned().unwrap_or_default(),
            )]));
            merge(&mut custom, whole);
        }
        dated.push(Dated { saying, at, custom });
    }
    if dated.is_empty() {
        return Err(Refusal::invalid("base", "Description: cannot be blank", "BlankValue"));
    }
    dated.sort_by_key(|one| one.at);
    Ok(dated)
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// As documented: not before 1970 and not in the future.
fn time(wanted: &Map<String, Value>, key: &str, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Refusal> {
    let Some(value) = wanted.get(key).filter(|value| !value.is_null()) else { return Ok(None) };
    let refuse = |what: &str| Refusal::invalid(key, &format!("{key}: {what}"), "InvalidValue");
    let at = read_time(value).ok_or_else(|| refuse("is not a valid time"))?;
    if at.timestamp() < 0 || at > now {
        return Err(refuse("must be between 1970 and now"));
    }
    Ok(Some(at))
}
