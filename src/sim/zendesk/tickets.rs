//! The Tickets API: list, show, create, update, and their relatives.

use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::{Call, id_of, truth};
use super::change;
use super::commit::{Deed, Saying, commit};
use super::jobs;
use super::paging;
use super::saying::{self, Defaults};
use super::store::{Store, read_time, stamp};
use super::ticket::{Audit, Presence, Ticket};
use super::wire;
use super::world::{BRANDS, FORMS, GROUPS, default_custom_status};

type Wanted = Map<String, Value>;

/// `GET /api/v2/tickets`, also by `external_id`.
pub fn list(store: &mut Store, call: &Call) -> Outcome {
    let mut ids: Vec<u64> = match call.query("external_id") {
        Some(key) => store.with_external_id(key),
        None => store.tickets.keys().copied().collect(),
    };
    ids.retain(|id| store.ticket(*id).is_ok());
    sort(store, call, &mut ids);
    tickets_of(store, call, &ids)
}

fn sort(store: &Store, call: &Call, ids: &mut [u64]) {
    let sort = call.query("sort").or(call.query("sort_by")).unwrap_or("id");
    let (key, mut down) = sort.strip_prefix('-').map_or((sort, false), |key| (key, true));
    down |= call.query("sort_order") == Some("desc");
    match key {
        "updated_at" => ids.sort_by_key(|id| (store.tickets[id].updated_at, *id)),
        "created_at" => ids.sort_by_key(|id| (store.tickets[id].created_at, *id)),
        "status" => ids.sort_by_key(|id| (store.tickets[id].status.clone(), *id)),
        _ => ids.sort_unstable(),
    }
    if down {
        ids.reverse();
    }
}

/// A page of tickets with the side-loads that were asked for.
pub fn tickets_of(store: &Store, call: &Call, ids: &[u64]) -> Outcome {
    let mut answer = paging::keyed(store, call, "tickets", ids, |id| wire::ticket(store, &store.tickets[&id]))?;
    side_load(store, call, &mut answer);
    Answer::ok(answer)
}

/// Adds `users`, `groups` and `organizations` to an answer that holds tickets, and `slas` to each ticket in it, if asked for.
pub fn side_load(store: &Store, call: &Call, answer: &mut Value) {
    if call.includes("slas") {
        super::sla::side_load(store, answer);
    }
    let tickets: Vec<&Value> = match (&answer["tickets"], &answer["ticket"]) {
        (Value::Array(list), _) => list.iter().collect(),
        (_, one) => vec![one],
    };
    let ids = |keys: &[&str]| -> std::collections::BTreeSet<u64> {
        tickets.iter().flat_map(|ticket| keys.iter().filter_map(|key| id_of(&ticket[*key]))).collect()
    };
    let users = ids(&["requester_id", "submitter_id", "assignee_id"]);
    let organizations = ids(&["organization_id"]);
    if call.includes("users") {
        let known = users.iter().filter_map(|id| store.people.users.get(id));
        answer["users"] = known.map(|user| wire::user(store, user)).collect();
    }
    if call.includes("organizations") {
        let known = organizations.iter().filter_map(|id| store.people.organizations.get(id));
        answer["organizations"] = known.map(|one| wire::organization(store, one)).collect();
    }
    if call.includes("groups") {
        answer["groups"] = GROUPS.iter().map(|group| super::account::group(store, group)).collect();
    }
}

/// `GET /api/v2/tickets/count`
pub fn count(store: &mut Store, _: &Call) -> Outcome {
    let count = store.tickets.values().filter(|ticket| ticket.is_there()).count();
    Answer::ok(json!({"count": {"value": count, "refreshed_at": stamp(store.now())}}))
}

/// `GET /api/v2/tickets/{id}`
pub fn show(store: &mut Store, call: &Call) -> Outcome {
    let ticket = store.ticket(call.id(0)?)?.seen(call.stale).ok_or_else(Refusal::not_found)?;
    let mut answer = json!({"ticket": wire::ticket(store, ticket)});
    side_load(store, call, &mut answer);
    Answer::ok(answer)
}

/// `GET /api/v2/tickets/show_many`: ids that are not there are left out.
pub fn show_many(store: &mut Store, call: &Call) -> Outcome {
    let ids: Vec<u64> = call.ids("ids").into_iter().filter(|id| store.ticket(*id).is_ok()).take(100).collect();
    tickets_of(store, call, &ids)
}

/// `POST /api/v2/tickets`. With an `Idempotency-Key` the same body gets the same answer for two hours.
pub fn create(store: &mut Store, call: &Call) -> Outcome {
    let Some(key) = call.header("idempotency-key").map(str::to_string) else { return create_now(store, call) };
    if key.len() > 255 {
        return Err(Refusal::new(400, "IdempotentRequestError", "The idempotency key is longer than 255 characters"));
    }
    let now = store.clock.now();
    store.kept.retain(|_, (_, _, at)| now - *at < TimeDelta::hours(2));
    if let Some((body, answer, _)) = store.kept.get(&key) {
        if body[..] != call.body[..] {
            let what = "Request parameters are different from those of the first request with this idempotency key";
            return Err(Refusal::new(400, "IdempotentRequestError", what));
        }
        return Ok(answer.clone().with("x-idempotency-lookup", "hit"));
    }
    let answer = create_now(store, call)?;
    store.kept.insert(key, (call.body.to_vec(), answer.clone(), now));
    Ok(answer.with("x-idempotency-lookup", "miss"))
}

fn create_now(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("ticket")?;
    let deed = Deed::by_api(store, call.actor);
    let audit = make(store, &wanted, deed)?;
    let ticket = store.ticket(audit.ticket)?;
    let location = format!("{}/api/v2/tickets/{}.json", store.url, ticket.id);
    let answer = json!({"ticket": wire::ticket(store, ticket), "audit": wire::audit(store, ticket, &audit)});
    Ok(Answer::json(201, answer).with("location", location))
}

/// A ticket without a number and without a comment, with every default.
pub fn blank(deed: &Deed) -> Ticket {
    Ticket {
        id: 0,
        external_id: None,
        subject: String::new(),
        status: "new".to_string(),
        custom_status: default_custom_status("new"),
        priority: None,
        kind: None,
        requester: deed.actor,
        submitter: deed.actor,
        assignee: None,
        group: None,
        organization: None,
        brand: BRANDS[0].id,
        form: FORMS[0].id,
        email_ccs: Default::default(),
        followers: Default::default(),
        tags: Default::default(),
        custom: Default::default(),
        due_at: None,
        problem: None,
        followup_of: None,
        followups: Vec::new(),
        channel: deed.via["channel"].as_str().unwrap_or("api").to_string(),
        created_at: deed.at,
        updated_at: deed.at,
        solved_at: None,
        generated: deed.at.timestamp(),
        presence: Presence::Present,
        comments: Vec::new(),
        audits: Vec::new(),
        before: None,
    }
}

/// Makes a ticket as a client wants it, with its first comment.
pub fn make(store: &mut Store, wanted: &Wanted, mut deed: Deed) -> Result<std::sync::Arc<Audit>, Refusal> {
    let mut ticket = blank(&deed);
    change::apply(store, &mut ticket, wanted)?;
    if let Some(submitter) = wanted.get("submitter_id").and_then(id_of) {
        ticket.submitter = store.user(submitter)?.id;
    }
    let followed = follow_up(store, &mut ticket, wanted);
    let first = first_comment(store, wanted, ticket.submitter)?;
    deed.custom = saying::metadata(wanted);
    ticket.id = store.next_ticket();
    let id = ticket.id;
    let audit = commit(store, ticket, Some(first), deed);
    if let Some(source) = followed {
        let at = store.now();
        store.followed_up(source, id, at);
    }
    Ok(audit)
}

fn first_comment(store: &mut Store, wanted: &Wanted, author: u64) -> Result<Saying, Refusal> {
    let defaults = Defaults { author, public: true };
    let said = match wanted.get("comment") {
        Some(Value::Object(comment)) => saying::read(store, comment, &defaults)?,
        Some(text @ Value::String(_)) => saying::read(store, &Map::from_iter([("body".to_string(), text.clone())]), &defaults)?,
        _ => {
            let text = wanted.get("description").cloned().unwrap_or_default();
            saying::read(store, &Map::from_iter([("body".to_string(), text)]), &defaults)?
        }
    };
    said.ok_or_else(|| Refusal::invalid("base", "Description: cannot be blank", "BlankValue"))
}

/// As documented: "The parameter only works with closed tickets. It has no effect with other tickets." A follow-up inherits the tags,
/// unless the request has its own.
pub fn follow_up(store: &Store, ticket: &mut Ticket, wanted: &Wanted) -> Option<u64> {
    let id = wanted.get("via_followup_source_id").and_then(id_of)?;
    let source = store.tickets.get(&id).filter(|source| source.is_there() && source.is_closed())?;
    ticket.followup_of = Some(id);
    if !wanted.contains_key("tags") {
        let tags = ticket.tags.union(&source.tags).cloned().collect();
        super::field::set_tags(ticket, tags, &store.stock);
    }
    Some(id)
}

/// `PUT /api/v2/tickets/{id}`
pub fn update(store: &mut Store, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let wanted = call.wrapped("ticket")?;
    let audit = amend(store, id, &wanted, call.actor)?;
    let ticket = store.ticket(id)?;
    Answer::ok(json!({"ticket": wire::ticket(store, ticket), "audit": wire::audit(store, ticket, &audit)}))
}

/// Changes a ticket as a client wants it. Errors: 404; 409 if a safe update came too late; 422.
pub fn amend(store: &mut Store, id: u64, wanted: &Wanted, actor: u64) -> Result<std::sync::Arc<Audit>, Refusal> {
    let mut ticket = store.open_ticket(id)?.clone();
    check_stamp(&ticket, wanted)?;
    change::apply(store, &mut ticket, wanted)?;
    let defaults = Defaults::on(&ticket, actor);
    let said = match wanted.get("comment") {
        Some(Value::Object(comment)) => saying::read(store, comment, &defaults)?,
        _ => None,
    };
    let mut deed = Deed::by_api(store, actor);
    deed.custom = saying::metadata(wanted);
    Ok(commit(store, ticket, said, deed))
}

/// A safe update is made only if the ticket still has the time that the client knows.
pub fn check_stamp(ticket: &Ticket, wanted: &Wanted) -> Result<(), Refusal> {
    if !truth(wanted.get("safe_update")) {
        return Ok(());
    }
    let known = wanted.get("updated_stamp").and_then(read_time);
    if known == Some(ticket.updated_at) { Ok(()) } else { Err(Refusal::conflict()) }
}

/// `POST /api/v2/tickets/create_many`
pub fn create_many(store: &mut Store, call: &Call) -> Outcome {
    let list = call.wrapped_list("tickets")?;
    jobs::each(store, call, "create", list, |store, wanted| {
        let deed = Deed::by_api(store, call.actor);
        Ok(make(store, &wanted, deed)?.ticket)
    })
}

/// `PUT /api/v2/tickets/update_many`: one change for `ids`, or a list of changes with ids.
pub fn update_many(store: &mut Store, call: &Call) -> Outcome {
    let ids = call.ids("ids");
    let list = if ids.is_empty() {
        call.wrapped_list("tickets")?
    } else {
        let wanted = call.wrapped("ticket")?;
        let with = |id: u64| wanted.clone().into_iter().chain([("id".to_string(), json!(id))]).collect();
        ids.into_iter().take(100).map(with).collect()
    };
    jobs::each(store, call, "update", list, |store, wanted| {
        let id = wanted.get("id").and_then(id_of).ok_or_else(Refusal::not_found)?;
        Ok(amend(store, id, &wanted, call.actor)?.ticket)
    })
}

/// `GET /api/v2/tickets/{id}/incidents`
pub fn incidents(store: &mut Store, call: &Call) -> Outcome {
    let id = store.ticket(call.id(0)?)?.id;
    let known = store.incidents.get(&id).cloned().unwrap_or_default();
    let ids: Vec<u64> = known.into_iter().filter(|id| store.ticket(*id).is_ok()).collect();
    tickets_of(store, call, &ids)
}

fn people(store: &Store, call: &Call, ids: &std::collections::BTreeSet<u64>) -> Outcome {
    let users = ids.iter().filter_map(|id| store.people.users.get(id)).map(|user| wire::user(store, user));
    paging::list(store, call, "users", users.collect())
}

/// `GET /api/v2/tickets/{id}/email_ccs`
pub fn email_ccs(store: &mut Store, call: &Call) -> Outcome {
    people(store, call, &store.ticket(call.id(0)?)?.email_ccs)
}

/// `GET /api/v2/tickets/{id}/followers`
pub fn followers(store: &mut Store, call: &Call) -> Outcome {
    people(store, call, &store.ticket(call.id(0)?)?.followers)
}

/// `GET /api/v2/tickets/{id}/collaborators`
pub fn collaborators(store: &mut Store, call: &Call) -> Outcome {
    let ticket = store.ticket(call.id(0)?)?;
    let all = ticket.email_ccs.union(&ticket.followers).copied().collect();
    people(store, call, &all)
}

/// `GET /api/v2/users/{id}/tickets/requested`
pub fn requested(store: &mut Store, call: &Call) -> Outcome {
    let user = store.user(call.id(0)?)?.id;
    let mine = store.tickets.values().filter(|ticket| ticket.is_there() && ticket.requester == user);
    let ids: Vec<u64> = mine.map(|ticket| ticket.id).collect();
    tickets_of(store, call, &ids)
}
