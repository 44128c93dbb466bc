//! Reads what a client wants of a ticket, and applies it by the account's rules: what is set together, what is tidied,
//! what is refused.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::answer::Refusal;
use super::call::{id_of, ids_of};
use super::field::{self, set_field, set_tags, tags_of};
use super::people::User;
use super::store::{Store, read_time};
use super::ticket::{KINDS, PRIORITIES, STATUSES, Ticket};
use super::world::{self, BRANDS, FORMS, GROUPS};

type Wanted = Map<String, Value>;

/// Applies everything but the comment. Errors: 422 with the field; then the ticket is of no use.
pub fn apply(store: &mut Store, ticket: &mut Ticket, wanted: &Wanted) -> Result<(), Refusal> {
    texts(ticket, wanted);
    choices(ticket, wanted)?;
    requester(store, ticket, wanted)?;
    places(store, ticket, wanted)?;
    tags(store, ticket, wanted);
    custom_fields(store, ticket, wanted)?;
    status(ticket, wanted)?;
    assignment(store, ticket, wanted)?;
    people_lists(store, ticket, wanted)?;
    links(store, ticket, wanted)
}

fn text(wanted: &Wanted, key: &str) -> Option<Option<String>> {
    let value = wanted.get(key)?;
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    Some(Some(text).filter(|text| !text.is_empty()))
}

fn texts(ticket: &mut Ticket, wanted: &Wanted) {
    if let Some(subject) = text(wanted, "raw_subject").or_else(|| text(wanted, "subject")) {
        ticket.subject = subject.unwrap_or_default().trim().to_string();
    }
    if let Some(key) = text(wanted, "external_id") {
        ticket.external_id = key;
    }
}

/// A word out of a list; `Some(None)` clears.
fn choice(wanted: &Wanted, key: &str, words: &[&str]) -> Result<Option<Option<String>>, Refusal> {
    let Some(word) = text(wanted, key) else { return Ok(None) };
    let word = word.map(|word| word.to_lowercase());
    match &word {
        Some(unknown) if !words.contains(&unknown.as_str()) => {
            Err(Refusal::invalid(key, &format!("{key}: {unknown} is not a valid value"), "InvalidValue"))
        }
        _ => Ok(Some(word)),
    }
}

fn choices(ticket: &mut Ticket, wanted: &Wanted) -> Result<(), Refusal> {
    if let Some(priority) = choice(wanted, "priority", &PRIORITIES)? {
        ticket.priority = priority;
    }
    if let Some(kind) = choice(wanted, "type", &KINDS)? {
        ticket.kind = kind;
    }
    if ticket.kind.as_deref() != Some("incident") {
        ticket.problem = None;
    }
    if let Some(due) = wanted.get("due_at") {
        ticket.due_at = read_time(due);
    }
    // As documented: only tasks have a due date.
    if ticket.kind.as_deref() != Some("task") {
        ticket.due_at = None;
    }
    Ok(())
}

fn requester(store: &mut Store, ticket: &mut Ticket, wanted: &Wanted) -> Result<(), Refusal> {
    let was = ticket.requester;
    if let Some(id) = wanted.get("requester_id").and_then(id_of) {
        known_user(store, "requester", id)?;
        ticket.requester = id;
    } else if let Some(person) = wanted.get("requester") {
        ticket.requester = person_of(store, person, "requester")?;
    }
    if ticket.requester != was {
        ticket.organization = store.people.users.get(&ticket.requester).and_then(|user| user.organization);
    }
    Ok(())
}

fn known_user(store: &Store, field: &str, id: u64) -> Result<(), Refusal> {
    let known = store.people.users.get(&id).is_some_and(|user| user.active);
    let refuse = || Refusal::invalid(field, &format!("{field}: {id} is not a user"), "InvalidValue");
    known.then_some(()).ok_or_else(refuse)
}

/// A user by id, by address, or by an object with name and address; unknown addresses become customers.
pub fn person_of(store: &mut Store, person: &Value, field: &str) -> Result<u64, Refusal> {
    if let Some(id) = id_of(person).or_else(|| person.get("user_id").and_then(id_of)) {
        known_user(store, field, id)?;
        return Ok(id);
    }
    let key = |name: &str| person.get(name).and_then(Value::as_str).map(str::to_string);
    let email = person.as_str().map(str::to_string).or_else(|| key("email")).or_else(|| key("user_email"));
    let name = key("name").or_else(|| key("user_name"));
    match (email, name) {
        (Some(email), _) if !email.contains('@') => {
            Err(Refusal::invalid(field, &format!("{field}: Email: {email} is not properly formatted"), "InvalidValue"))
        }
        (Some(email), name) => Ok(customer(store, &email, name.as_deref())),
        (None, Some(name)) => {
            let user = User::customer(store.next_id(), &name, None, store.now());
            let id = user.id;
            store.people.put(user);
            Ok(id)
        }
        (None, None) => Err(Refusal::invalid(field, &format!("{field}: cannot be blank"), "BlankValue")),
    }
}

/// The customer with this address, made if need be; in the organisation of its domain.
pub fn customer(store: &mut Store, email: &str, name: Option<&str>) -> u64 {
    if let Some(user) = store.people.by_email(email) {
        return user.id;
    }
    let name = name.map_or_else(|| email.split('@').next().unwrap_or(email).to_string(), str::to_string);
    let mut user = User::customer(store.next_id(), &name, Some(email.trim()), store.now());
    user.organization = organization_of(store, email);
    let id = user.id;
    store.people.put(user);
    id
}

/// The organisation whose domain this address is in.
pub fn organization_of(store: &Store, email: &str) -> Option<u64> {
    let domain = email.rsplit('@').next()?.to_lowercase();
    let mut all = store.people.organizations.values();
    all.find(|organization| organization.domains.contains(&domain)).map(|organization| organization.id)
}

fn places(store: &Store, ticket: &mut Ticket, wanted: &Wanted) -> Result<(), Refusal> {
    let unknown = |field: &str, id: u64| Refusal::invalid(field, &format!("{field}: {id} does not exist"), "InvalidValue");
    if let Some(value) = wanted.get("organization_id") {
        let id = id_of(value);
        if let Some(id) = id.filter(|id| !store.people.organizations.contains_key(id)) {
            return Err(unknown("organization", id));
        }
        // As documented: only an organisation that the requester belongs to; else it stays the requester's own.
        let own = store.people.users.get(&ticket.requester).and_then(|user| user.organization);
        ticket.organization = id.filter(|id| Some(*id) == own).or(id.and(own));
    }
    if let Some(id) = wanted.get("brand_id").and_then(id_of) {
        world::name_of(&BRANDS, id).ok_or_else(|| unknown("brand", id))?;
        ticket.brand = id;
    }
    if let Some(id) = wanted.get("ticket_form_id").and_then(id_of) {
        world::name_of(&FORMS, id).ok_or_else(|| unknown("ticket_form", id))?;
        ticket.form = id;
    }
    Ok(())
}

fn tags(store: &Store, ticket: &mut Ticket, wanted: &Wanted) {
    if let Some(value) = wanted.get("tags") {
        set_tags(ticket, tags_of(value), &store.stock);
    }
    if let Some(value) = wanted.get("additional_tags") {
        let all: BTreeSet<String> = ticket.tags.union(&tags_of(value)).cloned().collect();
        set_tags(ticket, all, &store.stock);
    }
    if let Some(value) = wanted.get("remove_tags") {
        let rest: BTreeSet<String> = ticket.tags.difference(&tags_of(value)).cloned().collect();
        set_tags(ticket, rest, &store.stock);
    }
}

fn custom_fields(store: &Store, ticket: &mut Ticket, wanted: &Wanted) -> Result<(), Refusal> {
    for key in ["fields", "custom_fields"] {
        let pairs: Vec<(u64, &Value)> = match wanted.get(key) {
            Some(Value::Array(list)) => list.iter().filter_map(|one| Some((id_of(one.get("id")?)?, one.get("value")?))).collect(),
            Some(Value::Object(map)) => map.iter().filter_map(|(id, value)| Some((id.parse().ok()?, value))).collect(),
            _ => Vec::new(),
        };
        // Unknown fields are ignored, as Zendesk does.
        for (field, value) in pairs.into_iter().filter_map(|(id, value)| Some((field::by_id(id)?, value))) {
            let value = field.read(value, &store.stock.options(field))?;
            set_field(ticket, field, value);
        }
    }
    Ok(())
}

/// Status and custom status are one couple; if both are given the custom status decides.
fn status(ticket: &mut Ticket, wanted: &Wanted) -> Result<(), Refusal> {
    if let Some(status) = choice(wanted, "status", &STATUSES)?.flatten()
        && status != ticket.status
    {
        if status != "closed" || ticket.status != "solved" {
            ticket.custom_status = world::default_custom_status(&status);
        }
        ticket.status = status;
    }
    if let Some(id) = wanted.get("custom_status_id").and_then(id_of) {
        let custom = world::custom_status(id);
        let custom =
            custom.ok_or_else(|| Refusal::invalid("custom_status_id", "Custom status does not exist", "InvalidValue"))?;
        ticket.custom_status = id;
        if !(ticket.status == "closed" && custom.category == "solved") {
            ticket.status = custom.category.to_string();
        }
    }
    Ok(())
}

/// Group and assignee are one couple: an assignee brings its group, a group drops an assignee who is not in it.
fn assignment(store: &Store, ticket: &mut Ticket, wanted: &Wanted) -> Result<(), Refusal> {
    let group = wanted.get("group_id").map(id_of);
    if let Some(Some(id)) = group {
        let known = world::name_of(&GROUPS, id);
        known.ok_or_else(|| Refusal::invalid("group", &format!("Group: {id} does not exist"), "InvalidValue"))?;
    }
    let by_email = wanted.get("assignee_email").and_then(Value::as_str);
    let by_email = by_email.map(|email| store.people.by_email(email).map(|user| user.id));
    let assignee = wanted.get("assignee_id").map(id_of).or(by_email);
    if let Some(group) = group {
        ticket.group = group;
    }
    if let Some(assignee) = assignee {
        ticket.assignee = assignee;
    }
    let Some(agent) = ticket.assignee else { return Ok(()) };
    let refuse = |what: &str| Err(Refusal::invalid("assignee", &format!("Assignee: {what}"), "InvalidValue"));
    let known = store.people.users.get(&agent).filter(|user| user.is_staff() && user.active && !user.suspended);
    let Some(user) = known else { return refuse("is not an agent") };
    if ticket.group.is_some_and(|group| store.people.is_member(group, agent)) {
        return opened(ticket, assignee.is_some());
    }
    match (group, assignee) {
        (Some(Some(_)), Some(_)) => return refuse("is not a member of the group"),
        (Some(_), None) => ticket.assignee = None,
        _ => ticket.group = user.default_group,
    }
    opened(ticket, assignee.is_some())
}

/// A new ticket that gets an assignee is open.
fn opened(ticket: &mut Ticket, assigned: bool) -> Result<(), Refusal> {
    if assigned && ticket.assignee.is_some() && ticket.status == "new" {
        ticket.status = "open".to_string();
        ticket.custom_status = world::default_custom_status("open");
    }
    Ok(())
}

fn people_lists(store: &mut Store, ticket: &mut Ticket, wanted: &Wanted) -> Result<(), Refusal> {
    if let Some(Value::Array(list)) = wanted.get("email_ccs") {
        for one in list {
            let id = person_of(store, one, "email_ccs")?;
            put(&mut ticket.email_ccs, id, one);
        }
    }
    if let Some(Value::Array(list)) = wanted.get("followers") {
        for one in list {
            let id = person_of(store, one, "followers")?;
            // As documented: followers are agents; others are left out.
            if store.people.users.get(&id).is_some_and(User::is_staff) {
                put(&mut ticket.followers, id, one);
            }
        }
    }
    if let Some(value) = wanted.get("collaborator_ids") {
        ticket.email_ccs = ids_of(value).into_iter().filter(|id| store.people.users.contains_key(id)).collect();
    }
    if let Some(Value::Array(list)) = wanted.get("collaborators").or_else(|| wanted.get("additional_collaborators")) {
        for one in list {
            let id = person_of(store, one, "collaborators")?;
            ticket.email_ccs.insert(id);
        }
    }
    Ok(())
}

fn put(set: &mut BTreeSet<u64>, id: u64, wanted: &Value) {
    if wanted.get("action").and_then(Value::as_str) == Some("delete") {
        set.remove(&id);
    } else {
        set.insert(id);
    }
}

fn links(store: &mut Store, ticket: &mut Ticket, wanted: &Wanted) -> Result<(), Refusal> {
    let Some(value) = wanted.get("problem_id") else { return Ok(()) };
    let problem = id_of(value);
    let is_problem = |id: &u64| store.tickets.get(id).is_some_and(|one| one.is_there() && one.kind.as_deref() == Some("problem"));
    if problem.is_some_and(|id| !is_problem(&id)) {
        return Err(Refusal::invalid("problem_id", "Problem: is not a problem ticket", "InvalidValue"));
    }
    // As documented: only incidents have a problem.
    ticket.problem = problem.filter(|_| ticket.kind.as_deref() == Some("incident"));
    Ok(())
}
