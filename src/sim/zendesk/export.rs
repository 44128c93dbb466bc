//! The Incremental Export API. It compares with `generated_timestamp`, and keeps the last minute back, as documented.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::Call;
use super::store::{Store, stamp};
use super::ticket::{Audit, Event, Presence, Ticket, author};
use super::tickets::side_load;
use super::wire;

/// What is withheld, in seconds.
const WITHHELD: i64 = 60;
/// The largest page, and the usual one.
const MOST: usize = 1000;

fn horizon(store: &Store) -> i64 {
    store.clock.now().timestamp() - WITHHELD
}

fn size(call: &Call) -> usize {
    (call.number("per_page").unwrap_or(MOST as u64) as usize).clamp(1, MOST)
}

/// The start time that was asked for. Errors: 400 without one, 422 if it is in the last minute.
fn start(store: &Store, call: &Call) -> Result<i64, Refusal> {
    let missing = || Refusal::new(400, "InvalidValue", "start_time is required");
    let start: i64 = call.query("start_time").and_then(|text| text.parse().ok()).ok_or_else(missing)?;
    if start > horizon(store) {
        let what = "Too recent start_time. Use a start_time older than 1 minute";
        return Err(Refusal::new(422, "InvalidValue", what));
    }
    Ok(start)
}

/// Tickets of the feed after this place, oldest first, at most one more than `most`.
fn after(store: &Store, place: (i64, u64), most: usize, deleted: bool) -> Vec<(i64, u64)> {
    let end = horizon(store);
    let places = store.feed.range((std::ops::Bound::Excluded(place), std::ops::Bound::Unbounded)).copied();
    let wanted = |id: &u64| deleted || store.tickets.get(id).is_some_and(Ticket::is_there);
    places.take_while(|(at, _)| *at < end).filter(|(_, id)| wanted(id)).take(most + 1).collect()
}

fn encode(place: (i64, u64)) -> String {
    STANDARD.encode(format!("{}.0||{}|", place.0, place.1))
}

fn decode(cursor: &str) -> Option<(i64, u64)> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    let (at, id) = text.strip_suffix('|')?.split_once("||")?;
    Some((at.strip_suffix(".0")?.parse().ok()?, id.parse().ok()?))
}

/// `GET /api/v2/incremental/tickets/cursor`
pub fn tickets_cursor(store: &mut Store, call: &Call) -> Outcome {
    let place = match call.query("cursor").filter(|cursor| !cursor.is_empty()) {
        Some(cursor) => decode(cursor).ok_or_else(|| Refusal::new(400, "InvalidValue", "The cursor is not valid"))?,
        None => (start(store, call)?, 0),
    };
    let deleted = call.query("exclude_deleted") != Some("true");
    let mut found = after(store, place, size(call), deleted);
    let more = found.len() > size(call);
    found.truncate(size(call));
    let last = found.last().copied().unwrap_or(place);
    let cursor = encode(last);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("cursor", &cursor);
    for key in ["per_page", "include", "support_type_scope", "exclude_deleted"] {
        if let Some(value) = call.query(key) {
            query.append_pair(key, value);
        }
    }
    let tickets: Vec<Value> = found.iter().map(|(_, id)| wire::ticket(store, &store.tickets[id])).collect();
    let mut answer = json!({
        "tickets": tickets, "after_cursor": cursor, "before_cursor": null, "before_url": null, "end_of_stream": !more,
        "after_url": format!("{}/api/v2/incremental/tickets/cursor.json?{}", store.url, query.finish()),
    });
    side_load(store, call, &mut answer);
    Answer::ok(answer)
}

/// A time-based page of anything that has a time: at least `size` records, and all those of the last second.
fn timed<T>(store: &Store, call: &Call, name: &str, mut all: Vec<(i64, T)>, render: impl Fn(T) -> Value) -> Outcome {
    let start = start(store, call)?;
    let end = horizon(store);
    all.retain(|(at, _)| *at >= start && *at < end);
    all.sort_by_key(|(at, _)| *at);
    let size = size(call);
    let last = all.get(size.saturating_sub(1)).or(all.last()).map_or(start, |(at, _)| *at);
    let kept = all.iter().filter(|(at, _)| *at <= last).count();
    let more = all.len() > kept;
    all.truncate(kept);
    let next = format!("{}{}.json?start_time={last}&per_page={size}", store.url, call.path);
    let records: Vec<Value> = all.into_iter().map(|(_, record)| render(record)).collect();
    let count = records.len();
    Answer::ok(json!({name: records, "count": count, "end_of_stream": !more, "end_time": last, "next_page": next}))
}

/// `GET /api/v2/incremental/tickets`
pub fn tickets(store: &mut Store, call: &Call) -> Outcome {
    let all = store.feed.iter().map(|(at, id)| (*at, *id)).collect();
    timed(store, call, "tickets", all, |id| wire::ticket(store, &store.tickets[&id]))
}

/// `GET /api/v2/incremental/users`
pub fn users(store: &mut Store, call: &Call) -> Outcome {
    let all = store.people.users.values().map(|user| (user.updated_at.timestamp(), user)).collect();
    timed(store, call, "users", all, |user| wire::user(store, user))
}

/// `GET /api/v2/incremental/users/cursor`: one page always holds everything since the cursor.
pub fn users_cursor(store: &mut Store, call: &Call) -> Outcome {
    let since = match call.query("cursor").and_then(decode) {
        Some((at, _)) => at,
        None => start(store, call)?,
    };
    let end = horizon(store);
    let mut found: Vec<(i64, u64)> = store.people.users.values().map(|user| (user.updated_at.timestamp(), user.id)).collect();
    found.retain(|(at, _)| *at >= since && *at < end);
    found.sort_unstable();
    let cursor = encode((found.last().map_or(since, |(at, _)| at + 1), 0));
    let users: Vec<Value> = found.iter().map(|(_, id)| wire::user(store, &store.people.users[id])).collect();
    let url = format!("{}/api/v2/incremental/users/cursor.json?cursor={cursor}", store.url);
    Answer::ok(json!({
        "users": users, "after_cursor": cursor, "after_url": url, "before_cursor": null, "before_url": null,
        "end_of_stream": true,
    }))
}

/// `GET /api/v2/incremental/organizations`
pub fn organizations(store: &mut Store, call: &Call) -> Outcome {
    let all = store.people.organizations.values().map(|one| (one.updated_at.timestamp(), one)).collect();
    timed(store, call, "organizations", all, |one| wire::organization(store, one))
}

/// `GET /api/v2/incremental/ticket_events`: the audits of all tickets; comments only with `include=comment_events`.
pub fn ticket_events(store: &mut Store, call: &Call) -> Outcome {
    let since = start(store, call)?;
    let newer = |ticket: &&Ticket| ticket.presence != Presence::Scrubbed && ticket.updated_at.timestamp() >= since;
    let audits = store.tickets.values().filter(newer).flat_map(|ticket| ticket.audits.iter().map(move |audit| (ticket, audit)));
    let all = audits.map(|(ticket, audit)| (audit.at.timestamp(), (ticket, audit.as_ref()))).collect();
    let comments = call.includes("comment_events");
    timed(store, call, "ticket_events", all, |(ticket, audit)| event(store, ticket, audit, comments))
}

fn event(store: &Store, ticket: &Ticket, audit: &Audit, comments: bool) -> Value {
    let children = audit.events.iter().filter_map(|event| match event {
        Event::Comment(id) if comments => ticket.comment(*id).map(|comment| {
            let mut told = wire::comment(store, ticket, comment, true);
            told["event_type"] = json!("Comment");
            told
        }),
        Event::Comment(id) => {
            let public = ticket.comment(*id).is_some_and(|comment| comment.public);
            Some(json!({"id": id, "event_type": "Comment", "comment_present": true, "comment_public": public}))
        }
        Event::Told(told) => Some(child(told)),
    });
    json!({
        "id": audit.id, "ticket_id": audit.ticket, "timestamp": audit.at.timestamp(), "created_at": stamp(audit.at),
        "updater_id": author(audit.author), "via": audit.via["channel"], "system": {}, "metadata": {"custom": audit.custom},
        "event_type": "Audit", "child_events": children.collect::<Vec<_>>(),
    })
}

/// As documented: a change is told under the name of its field.
fn child(told: &Value) -> Value {
    let mut child = json!({"id": told["id"], "event_type": told["type"], "via": told["via"]});
    match told["field_name"].as_str() {
        Some(name) => {
            child[name] = told["value"].clone();
            child["previous_value"] = told["previous_value"].clone();
        }
        None => {
            for (key, value) in told.as_object().into_iter().flatten().filter(|(key, _)| *key != "type") {
                child[key] = value.clone();
            }
        }
    }
    child
}
