//! The Organizations API, and who belongs to which.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::Call;
use super::field::tags_of;
use super::paging;
use super::people::{Organization, User};
use super::store::{Store, stamp};
use super::wire;

type Wanted = Map<String, Value>;

/// A membership's id is its user's and this.
const MEMBERSHIP: u64 = 5_000_000_000_000;

fn page(store: &Store, call: &Call, ids: &[u64]) -> Outcome {
    let render = |id| wire::organization(store, &store.people.organizations[&id]);
    Answer::ok(paging::keyed(store, call, "organizations", ids, render)?)
}

fn one(store: &Store, id: u64) -> Result<Value, Refusal> {
    let known = store.people.organizations.get(&id).ok_or_else(Refusal::not_found)?;
    Ok(json!({"organization": wire::organization(store, known)}))
}

/// `GET /api/v2/organizations`
pub fn list(store: &mut Store, call: &Call) -> Outcome {
    let ids: Vec<u64> = store.people.organizations.keys().copied().collect();
    page(store, call, &ids)
}

/// `GET /api/v2/organizations/{id}`
pub fn show(store: &mut Store, call: &Call) -> Outcome {
    Answer::ok(one(store, call.id(0)?)?)
}

/// `GET /api/v2/organizations/show_many` by `ids` or `external_ids`.
pub fn show_many(store: &mut Store, call: &Call) -> Outcome {
    let ids = call.ids("ids");
    let keys: Vec<&str> = call.query("external_ids").map(|keys| keys.split(',').collect()).unwrap_or_default();
    let wanted = |one: &&Organization| ids.contains(&one.id) || one.external_id.as_deref().is_some_and(|key| keys.contains(&key));
    let ids: Vec<u64> = store.people.organizations.values().filter(wanted).map(|one| one.id).collect();
    page(store, call, &ids)
}

/// `GET /api/v2/organizations/search` by `external_id` or exact `name`; also `autocomplete` by the name's beginning.
pub fn search(store: &mut Store, call: &Call) -> Outcome {
    let begins = call.path.ends_with("autocomplete");
    let name = call.query("name").unwrap_or_default().to_lowercase();
    let key = call.query("external_id");
    let wanted = |one: &&Organization| match key {
        Some(key) => one.external_id.as_deref() == Some(key),
        None if begins => one.name.to_lowercase().starts_with(&name),
        None => one.name.to_lowercase() == name,
    };
    let ids: Vec<u64> = store.people.organizations.values().filter(wanted).map(|one| one.id).collect();
    page(store, call, &ids)
}

/// `GET /api/v2/organizations/count`
pub fn count(store: &mut Store, _: &Call) -> Outcome {
    Answer::ok(json!({"count": {"value": store.people.organizations.len(), "refreshed_at": stamp(store.now())}}))
}

/// `POST /api/v2/organizations`
pub fn create(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("organization")?;
    let id = make(store, &wanted)?;
    Answer::created(one(store, id)?)
}

/// `POST /api/v2/organizations/create_or_update`: found by id or external id, as documented; a name that is taken is refused.
pub fn create_or_update(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("organization")?;
    let key = wanted.get("external_id").and_then(Value::as_str);
    let id = wanted.get("id").and_then(super::call::id_of);
    let same = |one: &&Organization| Some(one.id) == id || (key.is_some() && one.external_id.as_deref() == key);
    let known = store.people.organizations.values().find(same).map(|one| one.id);
    match known {
        Some(id) => {
            amend(store, id, &wanted)?;
            Answer::ok(one(store, id)?)
        }
        None => {
            let id = make(store, &wanted)?;
            Answer::created(one(store, id)?)
        }
    }
}

/// `PUT /api/v2/organizations/{id}`
pub fn update(store: &mut Store, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let wanted = call.wrapped("organization")?;
    amend(store, id, &wanted)?;
    Answer::ok(one(store, id)?)
}

/// `DELETE /api/v2/organizations/{id}`
pub fn delete(store: &mut Store, call: &Call) -> Outcome {
    let id = call.id(0)?;
    store.people.organizations.remove(&id).ok_or_else(Refusal::not_found)?;
    for user in store.people.users.values_mut().filter(|user| user.organization == Some(id)) {
        user.organization = None;
    }
    Answer::no_content()
}

fn make(store: &mut Store, wanted: &Wanted) -> Result<u64, Refusal> {
    let (id, now) = (store.next_id(), store.now());
    let mut organization = Organization {
        id,
        name: String::new(),
        external_id: None,
        domains: Vec::new(),
        tags: BTreeSet::new(),
        kept: Map::new(),
        created_at: now,
        updated_at: now,
    };
    take(store, &mut organization, wanted)?;
    if organization.name.is_empty() {
        return Err(Refusal::invalid("name", "Name: cannot be blank", "BlankValue"));
    }
    store.people.organizations.insert(id, organization);
    Ok(id)
}

fn amend(store: &mut Store, id: u64, wanted: &Wanted) -> Result<(), Refusal> {
    let mut organization = store.people.organizations.get(&id).cloned().ok_or_else(Refusal::not_found)?;
    take(store, &mut organization, wanted)?;
    organization.updated_at = store.now();
    store.people.organizations.insert(id, organization);
    Ok(())
}

fn take(store: &Store, organization: &mut Organization, wanted: &Wanted) -> Result<(), Refusal> {
    let text = |key: &str| wanted.get(key).map(|value| value.as_str().unwrap_or_default().trim().to_string());
    if let Some(name) = text("name") {
        if store.people.organization_named(&name).is_some_and(|other| other.id != organization.id) {
            return Err(Refusal::invalid("name", "Name: has already been taken", "DuplicateValue"));
        }
        organization.name = name;
    }
    if let Some(key) = text("external_id") {
        organization.external_id = Some(key).filter(|key| !key.is_empty());
    }
    if let Some(Value::Array(domains)) = wanted.get("domain_names") {
        organization.domains = domains.iter().filter_map(|domain| domain.as_str().map(str::to_lowercase)).collect();
    }
    if let Some(value) = wanted.get("tags") {
        organization.tags = tags_of(value);
    }
    for key in ["details", "notes", "group_id", "organization_fields"] {
        if let Some(value) = wanted.get(key) {
            organization.kept.insert(key.to_string(), value.clone());
        }
    }
    Ok(())
}

fn membership(user: &User, organization: u64) -> Value {
    let made = stamp(user.created_at);
    json!({
        "id": user.id + MEMBERSHIP, "user_id": user.id, "organization_id": organization, "default": true, "view_tickets": false,
        "created_at": made, "updated_at": made,
    })
}

/// `GET /api/v2/organization_memberships`, also of one user or one organisation.
pub fn memberships(store: &mut Store, call: &Call) -> Outcome {
    let of = call.params.first().and_then(|id| id.parse::<u64>().ok());
    let by_user = call.path.contains("/users/");
    let wanted = |user: &&User| of.is_none_or(|id| if by_user { user.id == id } else { user.organization == Some(id) });
    let users = store.people.users.values().filter(wanted);
    let list = users.filter_map(|user| user.organization.map(|organization| membership(user, organization)));
    paging::list(store, call, "organization_memberships", list.collect())
}

/// `POST /api/v2/organization_memberships`: in this account a user belongs to one organisation.
pub fn join(store: &mut Store, call: &Call) -> Outcome {
    let wanted = call.wrapped("organization_membership")?;
    let id = |key: &str| wanted.get(key).and_then(super::call::id_of).ok_or_else(Refusal::not_found);
    let (user, organization) = (id("user_id")?, id("organization_id")?);
    if !store.people.organizations.contains_key(&organization) {
        return Err(Refusal::invalid("organization", "Organization: cannot be blank", "BlankValue"));
    }
    let mut user = store.user(user)?.clone();
    if user.organization == Some(organization) {
        return Err(Refusal::invalid("user_id", "User has already been taken", "DuplicateValue"));
    }
    user.organization = Some(organization);
    user.updated_at = store.now();
    let told = membership(&user, organization);
    store.people.put(user);
    Answer::created(json!({"organization_membership": told}))
}

/// `DELETE /api/v2/organization_memberships/{id}`
pub fn leave(store: &mut Store, call: &Call) -> Outcome {
    let mut user = store.user(call.id(0)?.saturating_sub(MEMBERSHIP))?.clone();
    user.organization.take().ok_or_else(Refusal::not_found)?;
    user.updated_at = store.now();
    store.people.put(user);
    Answer::no_content()
}

/// `GET /api/v2/organizations/{id}/users`
pub fn users(store: &mut Store, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let members = store.people.users.values().filter(|user| user.organization == Some(id));
    let ids: Vec<u64> = members.map(|user| user.id).collect();
    Answer::ok(paging::keyed(store, call, "users", &ids, |id| wire::user(store, &store.people.users[&id]))?)
}

/// `GET /api/v2/organizations/{id}/tickets`
pub fn tickets(store: &mut Store, call: &Call) -> Outcome {
    let id = call.id(0)?;
    let theirs = store.tickets.values().filter(|ticket| ticket.is_there() && ticket.organization == Some(id));
    let ids: Vec<u64> = theirs.map(|ticket| ticket.id).collect();
    super::tickets::tickets_of(store, call, &ids)
}
