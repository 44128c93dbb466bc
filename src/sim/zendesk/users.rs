//! The Users API.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::{Call, id_of, truth};
use super::change::organization_of;
use super::field::tags_of;
use super::jobs;
use super::paging;
use super::people::User;
use super::store::{Store, stamp};
use super::wire;
use crate::sim::snapshot::{Letter, Mail};

type Wanted = Map<String, Value>;

fn page(store: &Store, call: &Call, ids: &[u64]) -> Outcome {
    Answer::ok(paging::keyed(store, call, "users", ids, |id| wire::user(store, &store.people.users[&id]))?)
}

fn one(store: &Store, id: u64) -> Result<Value, Refusal> {
    Ok(json!({"user": wire::user(store, store.user(id)?)}))
}

/// `GET /api/v2/users`, also by role.
pub fn list(store: &mut Store, call: &Call) -> Outcome {
    let roles: Vec<&str> = call.query.iter().filter(|(key, _)| key.starts_with("role")).map(|(_, role)| role.as_str()).collect();
    let wanted = |user: &&User| user.active && (roles.is_empty() || roles.contains(&user.role.as_str()));
    let ids: Vec<u64> = store.people.users.values().filter(wanted).map(|user| user.id).collect();
    page(store, call, &ids)
}

/// `GET /api/v2/users/count`
pub fn count(store: &mut Store, _: &Call) -> Outcome {
    let count = store.people.users.values().filter(|user| user.active).count();
    Answer::ok(json!({"count": {"value": count, "refreshed_at": stamp(store.now())}}))
}

/// `GET /api/v2/users/{id}`
pub fn show(store: &mut Store, call: &Call) -> Outcome {
    Answer::ok(one(store, call.id(0)?)?)
}

/// `GET /api/v2/users/me`
pub fn me(store: &mut Store, call: &Call) -> Outcome {
    Answer::ok(one(store, call.actor)?)
}

/// `GET /api/v2/users/show_many` by `ids` or `external_ids`.
pub fn show_many(store: &mut Store, call: &Call) -> Outcome {
    let mut ids = call.ids("ids");
    let keys = call.query("external_ids").unwrap_or_default().split(',');
    ids.extend(keys.filter_map(|key| store.people.by_external_id(key.trim())).map(|user| user.id));
    ids.retain(|id| store.people.users.contains_key(id));
    ids.truncate(100);
    page(store, call, &ids)
}

/// `GET /api/v2/users/search` by `query` or `external_id`; also `autocomplete`.
pub fn search(store: &mut Store, call: &Call) -> Outcome {
    let ids: Vec<u64> = if let Some(key) = call.query("external_id") {
        store.people.by_external_id(key).map(|user| user.id).into_iter().collect()
    } else {
        let query = call.query("query").or(call.query("name")).unwrap_or_default();
        super::search::users(store, query)
    };
    page(store, call, &ids)
}

/// `GET /api/v2/users/{id}/identities`
pub fn identities(store: &mut Store, call: &Call) -> Outcome {
    let user = store.user(call.id(0)?)?;
    let made = stamp(user.created_at);
    let email = user.email.as_ref().map(|email| {
        json!({"id": user.id + 6_000_000_000_000_u64, "user_id": user.id, "type": "email", "value": email, "verified": user.verified,
               "primary": true, "created_at": made, "updated_at": made})
    });
    paging::list(store, call, "identities", email.into_iter().collect())
}

/// `GET /api/v2/users/{id}/related`: counts of what is the user's; deleted tickets are nobody's.
pub fn related(store: &mut Store, call: &Call) -> Outcome {
    let id = store.user(call.id(0)?)?.id;
    let count = |mine: &dyn Fn(&super::ticket::Ticket) -> bool| {
        store.tickets.values().filter(|ticket| ticket.is_there() && mine(ticket)).count()
    };
    let told = json!({
        "assigned_tickets": count(&|ticket| ticket.assignee == Some(id)),
        "requested_tickets": count(&|ticket| ticket.requester == id),
        "ccd_tickets": count(&|ticket| ticket.email_ccs.contains(&id)),
        "organization_subscriptions": 0,
    });
    Answer::ok(json!({"user_related": told}))
}

/// `POST /api/v2/users`
pub fn create(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("user")?;
    let id = make(store, &wanted, call.actor)?;
    Answer::created(one(store, id)?)
}

/// `POST /api/v2/users/create_or_update`: found by external id or address, whatever the case.
pub fn create_or_update(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("user")?;
    let before = store.people.users.len();
    let id = put(store, &wanted, call.actor)?;
    let told = one(store, id)?;
    if store.people.users.len() > before { Answer::created(told) } else { Answer::ok(told) }
}

fn put(store: &mut Store, wanted: &Wanted, actor: u64) -> Result<u64, Refusal> {
    let text = |key: &str| wanted.get(key).and_then(Value::as_str);
    let known = text("external_id").and_then(|key| store.people.by_external_id(key));
    let known = known.or_else(|| store.people.by_email(text("email")?)).map(|user| user.id);
    match known {
        Some(id) => amend(store, id, wanted).map(|()| id),
        None => make(store, wanted, actor),
    }
}

/// `POST /api/v2/users/create_many`
pub fn create_many(store: &mut Store, call: &Call) -> Outcome {
    let list = call.wrapped_list("users")?;
    jobs::each(store, call, "create", list, |store, wanted| make(store, &wanted, call.actor))
}

/// `POST /api/v2/users/create_or_update_many`
pub fn create_or_update_many(store: &mut Store, call: &Call) -> Outcome {
    let list = call.wrapped_list("users")?;
    jobs::each(store, call, "create", list, |store, wanted| put(store, &wanted, call.actor))
}

/// `PUT /api/v2/users/{id}`
pub fn update(store: &mut Store, call: &Call) -> Outcome {
    let (id, wanted) = (call.id(0)?, call.wrapped("user")?);
    amend(store, id, &wanted)?;
    Answer::ok(one(store, id)?)
}

/// `DELETE /api/v2/users/{id}`: the user stays as author, but is not active.
pub fn delete(store: &mut Store, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let mut user = store.user(id)?.clone();
    user.active = false;
    user.updated_at = store.now();
    store.people.put(user);
    Answer::ok(one(store, id)?)
}

/// Makes a user. Without `skip_verify_email` the desk writes to the address.
fn make(store: &mut Store, wanted: &Wanted, actor: u64) -> Result<u64, Refusal> {
    let now = store.now();
    let mut user = User::customer(store.next_id(), "", None, now);
    take(store, &mut user, wanted)?;
    if user.name.is_empty() {
        return Err(Refusal::invalid("name", "Name: is too short (minimum is 1 character)", "ValueTooShort"));
    }
    if let Some(email) = user.email.as_deref().filter(|_| user.organization.is_none()) {
        user.organization = organization_of(store, email);
    }
    user.verified = truth(wanted.get("verified"));
    if let Some(email) = user.email.clone().filter(|_| !truth(wanted.get("skip_verify_email")) && !user.verified) {
        let because = "Verify your email address".to_string();
        let actor = store.people.address(actor);
        store.mails.push(Mail { to: vec![email], ticket: String::new(), because, actor, at: now, letter: Letter::default() });
    }
    let id = user.id;
    store.people.put(user);
    Ok(id)
}

fn amend(store: &mut Store, id: u64, wanted: &Wanted) -> Result<(), Refusal> {
    let mut user = store.user(id)?.clone();
    take(store, &mut user, wanted)?;
    user.updated_at = store.now();
    store.people.put(user);
    Ok(())
}

fn take(store: &Store, user: &mut User, wanted: &Wanted) -> Result<(), Refusal> {
    let text = |key: &str| wanted.get(key).map(|value| value.as_str().unwrap_or_default().trim().to_string());
    if let Some(name) = text("name") {
        user.name = name;
    }
    if let Some(email) = text("email").filter(|email| !email.is_empty()) {
        user.email = Some(free_email(store, user.id, &email)?);
    }
    if let Some(key) = text("external_id") {
        let other = store.people.by_external_id(&key).is_some_and(|other| other.id != user.id);
        if other {
            return Err(Refusal::invalid("external_id", "External has already been taken", "DuplicateValue"));
        }
        user.external_id = Some(key).filter(|key| !key.is_empty());
    }
    if let Some(role) = text("role") {
        if !["end-user", "agent", "admin"].contains(&role.as_str()) {
            return Err(Refusal::invalid("role", &format!("Role: {role} is not a role"), "InvalidValue"));
        }
        user.role = role;
    }
    if let Some(value) = wanted.get("suspended") {
        user.suspended = truth(Some(value));
    }
    if let Some(value) = wanted.get("organization_id") {
        user.organization = id_of(value).filter(|id| store.people.organizations.contains_key(id));
    }
    if let Some(name) = wanted.get("organization").and_then(|one| one.get("name")).and_then(Value::as_str) {
        user.organization = store.people.organization_named(name).map(|one| one.id);
    }
    if let Some(value) = wanted.get("tags") {
        user.tags = tags_of(value);
    }
    for key in ["phone", "notes", "details", "alias", "signature", "locale", "time_zone", "user_fields"] {
        if let Some(value) = wanted.get(key) {
            user.kept.insert(key.to_string(), value.clone());
        }
    }
    Ok(())
}

fn free_email(store: &Store, id: u64, email: &str) -> Result<String, Refusal> {
    let proper =
        email.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !email.contains(' '));
    if !proper {
        let what = format!("Email:  {email} is not properly formatted");
        return Err(Refusal::invalid("email", &what, "InvalidFormat"));
    }
    if store.people.by_email(email).is_some_and(|other| other.id != id) {
        let what = format!("Email: {email} is already being used by another user");
        return Err(Refusal::invalid("email", &what, "DuplicateValue"));
    }
    Ok(email.to_lowercase())
}
