//! The Search API: the part of the query language that clients use. Words and `key:value` terms must all hold.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refusal};
use super::call::Call;
use super::paging;
use super::people::User;
use super::store::{Store, read_time};
use super::ticket::{STATUSES, Ticket};
use super::wire;
use super::world;

/// The most that a plain search finds, as documented.
const MOST: usize = 1000;

/// One term of a query: a key, how it compares, the value; words have no key.
#[derive(Debug, PartialEq, Eq)]
struct Term {
    not: bool,
    key: String,
    sign: char,
    value: String,
}

fn terms(query: &str) -> Vec<Term> {
    split(query).into_iter().filter(|word| !word.is_empty()).map(|word| term(&word)).collect()
}

/// At white space outside of quotes; the quotes go.
fn split(query: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in query.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(String::new()),
            c => words.last_mut().expect("there is always a last word").push(c),
        }
    }
    words
}

fn term(word: &str) -> Term {
    let (not, word) = word.strip_prefix('-').map_or((false, word), |rest| (true, rest));
    let place = word.find([':', '<', '>']).filter(|place| *place > 0);
    let Some(place) = place.filter(|place| word[..*place].chars().all(|c| c.is_alphanumeric() || c == '_')) else {
        return Term { not, key: String::new(), sign: ':', value: word.to_lowercase() };
    };
    let (key, rest) = word.split_at(place);
    let (sign, value) = match (&rest[..1], rest[1..].strip_prefix('=')) {
        (">", Some(value)) => ('≥', value),
        ("<", Some(value)) => ('≤', value),
        (sign, _) => (sign.chars().next().unwrap_or(':'), &rest[1..]),
    };
    Term { not, key: key.to_lowercase(), sign, value: value.to_lowercase() }
}

fn compare<T: PartialOrd>(sign: char, left: &T, right: &T) -> bool {
    match sign {
        '>' => left > right,
        '<' => left < right,
        '≥' => left >= right,
        '≤' => left <= right,
        _ => left == right,
    }
}

fn time(at: DateTime<Utc>, term: &Term) -> bool {
    let upper = term.value.to_uppercase();
    match read_time(&json!(upper)) {
        Some(_) if upper.len() == 10 => compare(term.sign, &at.format("%Y-%m-%d").to_string(), &upper),
        Some(wanted) => compare(term.sign, &at, &wanted),
        None => false,
    }
}

fn has_person(store: &Store, id: Option<u64>, value: &str) -> bool {
    match (value, id.and_then(|id| store.people.users.get(&id))) {
        ("none", user) => user.is_none(),
        (_, None) => false,
        (value, Some(user)) => user_is(user, value),
    }
}

fn user_is(user: &User, value: &str) -> bool {
    user.id.to_string() == value || user.email.as_deref() == Some(value) || user.name.to_lowercase() == value
}

fn status_holds(ticket: &Ticket, term: &Term) -> bool {
    let place = |word: &str| STATUSES.iter().position(|one| *one == word);
    match (place(&ticket.status), place(&term.value)) {
        (Some(is), Some(wanted)) => compare(term.sign, &is, &wanted),
        _ => false,
    }
}

fn contains(text: &str, word: &str) -> bool {
    text.to_lowercase().contains(word)
}

fn ticket_holds(store: &Store, ticket: &Ticket, term: &Term) -> bool {
    let value = term.value.as_str();
    let none = |is: Option<String>| is.as_deref().unwrap_or("none") == value;
    match term.key.as_str() {
        "" => {
            ticket.id.to_string() == value.trim_start_matches('#')
                || contains(&ticket.subject, value)
                || ticket.comments.iter().any(|comment| contains(&comment.plain, value))
        }
        "type" | "ticket_type" => value == "ticket" || ticket.kind.as_deref() == Some(value),
        "id" => ticket.id.to_string() == value,
        "external_id" => ticket.external_id.as_ref().is_some_and(|key| key.to_lowercase() == value),
        "status" => status_holds(ticket, term),
        "priority" => none(ticket.priority.clone()),
        "tags" | "tag" => {
            if value == "none" {
                ticket.tags.is_empty()
            } else {
                value.split(',').any(|tag| ticket.tags.contains(tag))
            }
        }
        "updated" | "updated_at" => time(ticket.updated_at, term),
        "created" | "created_at" => time(ticket.created_at, term),
        "solved" => ticket.solved_at.is_some_and(|at| time(at, term)),
        "requester" | "email" => has_person(store, Some(ticket.requester), value),
        "assignee" => has_person(store, ticket.assignee, value),
        "submitter" => has_person(store, Some(ticket.submitter), value),
        "cc" => ticket.email_ccs.iter().any(|id| has_person(store, Some(*id), value)),
        "group" => ticket.group.is_some_and(|id| id.to_string() == value || world::group_named(value) == Some(id)),
        "brand" => ticket.brand.to_string() == value,
        "organization" => ticket.organization.is_some_and(|id| {
            let named = store.people.organizations.get(&id).is_some_and(|one| one.name.to_lowercase() == value);
            named || id.to_string() == value
        }),
        "subject" => contains(&ticket.subject, value),
        "description" => contains(ticket.description(), value),
        "comment" => ticket.comments.iter().any(|comment| contains(&comment.plain, value)),
        key => key.strip_prefix("custom_field_").is_some_and(|id| field_holds(ticket, id, value)),
    }
}

fn field_holds(ticket: &Ticket, id: &str, value: &str) -> bool {
    match id.parse().ok().and_then(|id: u64| ticket.custom.get(&id)) {
        Some(Value::String(text)) => text.to_lowercase() == value,
        Some(Value::Array(list)) => list.iter().any(|one| one.as_str() == Some(value)),
        Some(Value::Bool(truth)) => truth.to_string() == value,
        _ => value == "none",
    }
}

fn user_holds(user: &User, term: &Term) -> bool {
    let value = term.value.as_str();
    match term.key.as_str() {
        "" | "name" => contains(&user.name, value) || user.email.as_deref().is_some_and(|email| email.contains(value)),
        "type" => value == "user",
        "email" => user.email.as_deref() == Some(value),
        "external_id" => user.external_id.as_ref().is_some_and(|key| key.to_lowercase() == value),
        "role" => user.role == value,
        "tags" | "tag" => user.tags.contains(value),
        "updated" => time(user.updated_at, term),
        "created" => time(user.created_at, term),
        _ => false,
    }
}

/// The users that a query finds.
pub fn users(store: &Store, query: &str) -> Vec<u64> {
    let terms = terms(query);
    let holds = |user: &&User| user.active && terms.iter().all(|term| user_holds(user, term) != term.not);
    store.people.users.values().filter(holds).map(|user| user.id).collect()
}

fn tickets(store: &Store, terms: &[Term]) -> Vec<u64> {
    let by_key = terms.iter().find(|term| term.key == "external_id" && !term.not);
    let holds = |ticket: &&Ticket| {
        let mut searched = terms.iter().filter(|term| !is_order(term));
        ticket.is_there() && searched.all(|term| ticket_holds(store, ticket, term) != term.not)
    };
    if let Some(term) = by_key {
        let keyed = store.with_external_id(&term.value);
        return keyed.iter().filter_map(|id| store.tickets.get(id)).filter(holds).map(|ticket| ticket.id).collect();
    }
    store.tickets.values().filter(holds).map(|ticket| ticket.id).collect()
}

fn is_order(term: &Term) -> bool {
    matches!(term.key.as_str(), "order_by" | "sort" | "sort_by" | "sort_order")
}

fn organizations(store: &Store, terms: &[Term]) -> Vec<u64> {
    let holds = |term: &Term, one: &super::people::Organization| match term.key.as_str() {
        "" | "name" => contains(&one.name, &term.value),
        "type" => term.value == "organization",
        "external_id" => one.external_id.as_ref().is_some_and(|key| key.to_lowercase() == term.value),
        "tags" | "tag" => one.tags.contains(&term.value),
        _ => false,
    };
    let all = store.people.organizations.values();
    all.filter(|one| terms.iter().all(|term| holds(term, one) != term.not)).map(|one| one.id).collect()
}

fn found(store: &Store, query: &str, only: Option<&str>) -> Vec<(&'static str, u64)> {
    let terms = terms(query);
    let typed = terms.iter().find(|term| term.key == "type").map(|term| term.value.clone());
    let kind = only.map(str::to_string).or(typed);
    let wants = |word: &str| kind.as_deref().is_none_or(|kind| kind == word || (word == "ticket" && is_ticket_kind(kind)));
    let mut all = Vec::new();
    if wants("ticket") {
        all.extend(tickets(store, &terms).into_iter().map(|id| ("ticket", id)));
    }
    if wants("user") {
        all.extend(users(store, query).into_iter().map(|id| ("user", id)));
    }
    if wants("organization") {
        all.extend(organizations(store, &terms).into_iter().map(|id| ("organization", id)));
    }
    all
}

fn is_ticket_kind(kind: &str) -> bool {
    super::ticket::KINDS.contains(&kind)
}

fn render(store: &Store, kind: &str, id: u64) -> Value {
    let mut told = match kind {
        "ticket" => wire::ticket(store, &store.tickets[&id]),
        "user" => wire::user(store, &store.people.users[&id]),
        _ => wire::organization(store, &store.people.organizations[&id]),
    };
    told["result_type"] = json!(kind);
    told
}

fn order(store: &Store, call: &Call, all: &mut [(&'static str, u64)]) {
    let updated = |(kind, id): &(&str, u64)| match *kind {
        "ticket" => store.tickets[id].updated_at,
        _ => DateTime::<Utc>::MIN_UTC,
    };
    let created = |(kind, id): &(&str, u64)| match *kind {
        "ticket" => store.tickets[id].created_at,
        _ => DateTime::<Utc>::MIN_UTC,
    };
    match call.query("sort_by") {
        Some("updated_at") => all.sort_by_key(|one| (updated(one), one.1)),
        Some("created_at") => all.sort_by_key(|one| (created(one), one.1)),
        _ => {}
    }
    if call.query("sort_order") == Some("desc") {
        all.reverse();
    }
}

fn query(call: &Call) -> Result<&str, Refusal> {
    call.query("query").ok_or_else(|| Refusal::new(422, "invalid", "query is required"))
}

/// `GET /api/v2/search`: at most 1,000 results.
pub fn search(store: &mut Store, call: &Call) -> Outcome {
    let mut all = found(store, query(call)?, None);
    order(store, call, &mut all);
    let asked = call.number("page").unwrap_or(1).saturating_mul(call.number("per_page").unwrap_or(100));
    if asked > MOST as u64 {
        return Err(Refusal::new(
            422,
            "invalid",
            "Search Response Limits: Requested response size was greater than Search Response Limits",
        ));
    }
    let count = all.len();
    all.truncate(MOST);
    let places: Vec<u64> = (0..all.len() as u64).collect();
    let mut answer = paging::keyed(store, call, "results", &places, |place| {
        let (kind, id) = all[place as usize];
        render(store, kind, id)
    })?;
    answer["count"] = json!(count);
    answer["facets"] = Value::Null;
    Answer::ok(answer)
}

/// `GET /api/v2/search/count`
pub fn count(store: &mut Store, call: &Call) -> Outcome {
    Answer::ok(json!({"count": found(store, query(call)?, None).len()}))
}

/// `GET /api/v2/search/export`: one type, every result, by cursor.
pub fn export(store: &mut Store, call: &Call) -> Outcome {
    let missing = || Refusal::new(422, "invalid", "filter[type] is required");
    let kind = call.query("filter[type]").ok_or_else(missing)?;
    let ids: Vec<u64> = found(store, query(call)?, Some(kind)).into_iter().map(|(_, id)| id).collect();
    let kind = kind.to_string();
    let mut paged = Call { query: call.query.clone(), path: call.path.clone(), ..blank() };
    if !paged.query.iter().any(|(key, _)| key.starts_with("page[")) {
        paged.query.push(("page[size]".to_string(), "100".to_string()));
    }
    Answer::ok(paging::keyed(store, &paged, "results", &ids, |id| render(store, &kind, id))?)
}

fn blank() -> Call {
    Call {
        method: "GET".to_string(),
        path: String::new(),
        query: Vec::new(),
        headers: Default::default(),
        body: Default::default(),
        params: Vec::new(),
        actor: 0,
        stale: false,
    }
}
