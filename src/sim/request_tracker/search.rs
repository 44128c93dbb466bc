//! Searches for tickets and transactions.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::date;
use super::sql::{Node, Op, Term, parse};
use super::status;
use super::store::{End, LinkKind, Object, Role, Store, Ticket, Transaction};

/// What a comparison looks at.
enum Seen<'s> {
    Text(&'s str),
    /// Any of them; none is null.
    Texts(Vec<Cow<'s, str>>),
    Number(i64),
    Date(Option<DateTime<Utc>>),
}

const NO_TICKET_FIELD: &str = " at /usr/share/request-tracker5/lib/RT/Tickets.pm line 3187.\n";
const NO_TICKET_COLUMN: &str = " at /usr/share/request-tracker5/lib/RT/Tickets.pm line 3462.\n";
const NO_TRANSACTION_FIELD: &str = " at /usr/share/request-tracker5/lib/RT/Transactions.pm line 918.\n";

/// RT's sentences end with the place in its source.
fn at_source(error: String, place: &str, of_column: &str) -> String {
    let place = if error.contains("no such column") { of_column } else { place };
    error + place
}

/// `CF.{name}`, `CF.{queue}.{name}`, `CF.name`, `CF.id`: the name.
fn custom(field: &str) -> Option<&str> {
    let rest = ["CF.", "CustomField.", "TxnCF."].iter().find_map(|prefix| {
        field.get(..prefix.len()).filter(|head| head.eq_ignore_ascii_case(prefix)).map(|head| &field[head.len()..])
    })?;
    let name = rest.rsplit_once("}.{").map_or(rest, |(_, name)| name);
    Some(name.trim_start_matches('{').trim_end_matches('}'))
}

fn compare_text(have: &str, op: Op, want: &str) -> bool {
    if have.is_ascii() && want.is_ascii() && matches!(op, Op::Eq | Op::Ne) {
        return have.eq_ignore_ascii_case(want) == (op == Op::Eq);
    }
    let (have, want) = (have.to_lowercase(), want.to_lowercase());
    match op {
        Op::Eq => have == want,
        Op::Ne => have != want,
        Op::Like => have.contains(&want),
        Op::NotLike => !have.contains(&want),
        Op::StartsWith => have.starts_with(&want),
        Op::EndsWith => have.ends_with(&want),
        Op::Is => have.is_empty(),
        Op::IsNot => !have.is_empty(),
        Op::Lt | Op::Le | Op::Gt | Op::Ge => ordered(have.cmp(&want), op),
    }
}

fn ordered(order: Ordering, op: Op) -> bool {
    match op {
        Op::Lt => order.is_lt(),
        Op::Le => order.is_le(),
        Op::Gt => order.is_gt(),
        Op::Ge => order.is_ge(),
        Op::Ne => order.is_ne(),
        _ => order.is_eq(),
    }
}

/// `=` on a date means that whole day.
fn compare_date(have: Option<DateTime<Utc>>, op: Op, want: &str) -> bool {
    if matches!(op, Op::Is | Op::IsNot) {
        return have.is_none() == (op == Op::Is);
    }
    let want = date::lenient(want);
    let day = want.date_naive().and_hms_opt(0, 0, 0).map(|day| day.and_utc()).unwrap_or(want);
    let Some(have) = have else { return op == Op::Ne };
    let within = have >= day && have < day + TimeDelta::days(1);
    match op {
        Op::Eq => within,
        Op::Ne => !within,
        _ => ordered(have.cmp(&want), op),
    }
}

impl Seen<'_> {
    fn holds(&self, op: Op, want: &str) -> bool {
        match self {
            Seen::Text(have) => compare_text(have, op, want),
            Seen::Texts(have) => match op {
                Op::Is => have.is_empty(),
                Op::IsNot => !have.is_empty(),
                Op::Ne => have.iter().all(|have| compare_text(have, op, want)),
                Op::NotLike => have.iter().all(|have| compare_text(have, op, want)),
                _ => have.iter().any(|have| compare_text(have, op, want)),
            },
            Seen::Number(have) => match want.trim().parse::<i64>() {
                Ok(want) => ordered(have.cmp(&want), op),
                Err(_) => matches!(op, Op::IsNot),
            },
            Seen::Date(have) => compare_date(*have, op, want),
        }
    }
}

fn people<'s>(store: &'s Store, ids: &[u64]) -> Seen<'s> {
    let users = ids.iter().filter_map(|id| store.users.get(id));
    Seen::Texts(users.map(|user| Cow::from(if user.email.is_empty() { &user.name } else { &user.email })).collect())
}

/// What a field of a ticket holds; none if there is no such field.
fn of_ticket<'s>(store: &'s Store, ticket: &'s Ticket, field: &str) -> Option<Seen<'s>> {
    let number = |number: i64| Some(Seen::Number(number));
    let id = |id: u64| Some(Seen::Number(i64::try_from(id).unwrap_or(i64::MAX)));
    let name = |id: u64| Some(Seen::Texts(vec![store.user_name(id).into(), id.to_string().into()]));
    let head = field.split('.').next().unwrap_or_default();
    match head.to_lowercase().as_str() {
        "id" => id(ticket.id),
        "effectiveid" => id(ticket.effective),
        "queue" => {
            let name = store.queues.get(&ticket.queue).map_or("", |queue| &queue.name);
            Some(Seen::Texts(vec![name.into(), ticket.queue.to_string().into()]))
        }
        "status" => Some(Seen::Text(&ticket.status)),
        "type" => Some(Seen::Text(&ticket.kind)),
        "subject" => Some(Seen::Text(ticket.subject.as_deref().unwrap_or(""))),
        "owner" => name(ticket.owner),
        "creator" => name(ticket.creator),
        "lastupdatedby" => name(ticket.updated_by),
        "requestor" | "requestors" => Some(people(store, ticket.role(Role::Requestor))),
        "cc" => Some(people(store, ticket.role(Role::Cc))),
        "admincc" => Some(people(store, ticket.role(Role::AdminCc))),
        "priority" => number(ticket.priority),
        "initialpriority" => number(ticket.initial_priority),
        "finalpriority" => number(ticket.final_priority),
        "timeworked" => number(ticket.times.worked),
        "timeestimated" => number(ticket.times.estimated),
        "timeleft" => number(ticket.times.left),
        "created" => Some(Seen::Date(Some(ticket.created))),
        "lastupdated" | "updated" => Some(Seen::Date(Some(ticket.updated))),
        "due" => Some(Seen::Date(ticket.dates.due)),
        "starts" => Some(Seen::Date(ticket.dates.starts)),
        "started" => Some(Seen::Date(ticket.dates.started)),
        "resolved" => Some(Seen::Date(ticket.dates.resolved)),
        "told" => Some(Seen::Date(ticket.dates.told)),
        "content" => Some(Seen::Texts(Vec::new())),
        link => links(ticket, link),
    }
}

fn links<'s>(ticket: &'s Ticket, field: &str) -> Option<Seen<'s>> {
    let (kind, base) = match field {
        "dependson" => (LinkKind::DependsOn, true),
        "dependedonby" => (LinkKind::DependsOn, false),
        "memberof" => (LinkKind::MemberOf, true),
        "hasmember" => (LinkKind::MemberOf, false),
        "refersto" => (LinkKind::RefersTo, true),
        "referredtoby" => (LinkKind::RefersTo, false),
        _ => return None,
    };
    let found = ticket.links.iter().filter(|link| link.kind == kind && link.base == base);
    Some(Seen::Texts(
        found
            .map(|link| match &link.other {
                End::Ticket(id) => Cow::from(id.to_string()),
                End::Uri(uri) => Cow::from(uri),
            })
            .collect(),
    ))
}

fn ticket_holds(store: &Store, ticket: &Ticket, term: &Term) -> bool {
    if let Some(name) = custom(&term.field) {
        let fields = store.fields.values().filter(|field| !field.of_transactions);
        let Some(field) = fields.into_iter().find(|field| is_named(&field.name, field.id, name)) else { return false };
        let values = ticket.values.get(&field.id).into_iter().flatten().flatten().map(Cow::from).collect();
        return Seen::Texts(values).holds(term.op, &term.value);
    }
    if term.field.eq_ignore_ascii_case("status") && term.value.starts_with("__") {
        let inactive = term.value.eq_ignore_ascii_case("__inactive__");
        return (status::is_inactive(&ticket.status) == inactive) == (term.op == Op::Eq);
    }
    of_ticket(store, ticket, &term.field).is_some_and(|seen| seen.holds(term.op, &term.value))
}

fn is_named(name: &str, id: u64, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted) || wanted.parse() == Ok(id)
}

/// Tickets that can meet a comparison, if an index knows.
fn candidates(store: &Store, term: &Term) -> Option<Vec<u64>> {
    if let (Some(name), Op::Eq) = (custom(&term.field), term.op) {
        let field = store.fields.values().find(|field| !field.of_transactions && is_named(&field.name, field.id, name));
        let known = field.and_then(|field| store.by_value.get(&(field.id, term.value.to_lowercase())));
        return Some(known.map(|ids| ids.iter().copied().collect()).unwrap_or_default());
    }
    let field = term.field.to_lowercase();
    match (field.as_str(), term.op) {
        ("id", Op::Eq) => Some(term.value.parse().ok().into_iter().collect()),
        ("id", Op::Gt | Op::Ge) => {
            let from: u64 = term.value.trim().parse().ok()?;
            Some(store.tickets.range(from..).map(|(id, _)| *id).collect())
        }
        ("lastupdated", Op::Ge | Op::Gt) => {
            let from = (date::lenient(&term.value), 0);
            Some(store.updated.range(from..).map(|(_, id)| *id).collect())
        }
        _ => None,
    }
}

/// Tickets that a query finds: never a merged one (unless it asks for `EffectiveId`), never a deleted one. Unordered, as
/// a database is. Errors: RT's sentence.
pub fn tickets(store: &Store, query: &str) -> Result<Vec<u64>, String> {
    if query.trim().is_empty() {
        return Ok(Vec::new());
    }
    let node = parse(query).map_err(|error| at_source(error, NO_TICKET_FIELD, NO_TICKET_COLUMN))?;
    let probe = store.tickets.values().next();
    for term in node.terms() {
        let known = custom(&term.field).is_some() || probe.is_none_or(|ticket| of_ticket(store, ticket, &term.field).is_some());
        if !known {
            return Err(format!("Unknown field: {}{NO_TICKET_FIELD}", term.field));
        }
    }
    let merged_too = node.terms().iter().any(|term| term.field.eq_ignore_ascii_case("EffectiveId"));
    let narrowed = node.needed().into_iter().filter_map(|term| candidates(store, term)).min_by_key(Vec::len);
    let ids = narrowed.unwrap_or_else(|| store.updated.iter().map(|(_, id)| *id).collect());
    let wanted = |ticket: &&Ticket| {
        let there = merged_too || ticket.effective == ticket.id;
        there && ticket.kind == "ticket" && ticket.status != "deleted" && !store.held_tickets.contains(&ticket.id)
    };
    let found = ids.iter().filter_map(|id| store.tickets.get(id)).filter(wanted);
    Ok(found.filter(|ticket| node.holds(&|term| ticket_holds(store, ticket, term))).map(|ticket| ticket.id).collect())
}

fn of_transaction<'s>(store: &'s Store, row: &'s Transaction, field: &str) -> Option<Seen<'s>> {
    let text = |text: &'s Option<String>| Some(Seen::Text(text.as_deref().unwrap_or("")));
    let id = |id: u64| Some(Seen::Number(i64::try_from(id).unwrap_or(i64::MAX)));
    let ticket = match row.object {
        Object::Ticket(id) => store.tickets.get(&id),
        _ => None,
    };
    let lower = field.to_lowercase();
    match lower.as_str() {
        "id" => id(row.id),
        "objecttype" => Some(Seen::Text(object_type(row.object))),
        "objectid" => id(object_id(row.object)),
        "ticketid" => id(object_id(row.object)),
        "type" => Some(Seen::Text(&row.kind)),
        "field" => text(&row.field),
        "oldvalue" => text(&row.old),
        "newvalue" => text(&row.new),
        "data" => text(&row.data),
        "timetaken" => Some(Seen::Number(row.taken)),
        "creator" => Some(Seen::Texts(vec![store.user_name(row.creator).into(), row.creator.to_string().into()])),
        "created" => Some(Seen::Date(Some(row.created))),
        "content" => Some(Seen::Texts(Vec::new())),
        _ => {
            let field = lower.strip_prefix("ticket")?;
            Some(ticket.and_then(|ticket| of_ticket(store, ticket, field)).unwrap_or(Seen::Texts(Vec::new())))
        }
    }
}

/// RT's class.
pub fn object_type(object: Object) -> &'static str {
    match object {
        Object::Ticket(_) => "RT::Ticket",
        Object::User(_) => "RT::User",
        Object::Queue(_) => "RT::Queue",
        Object::Attribute(_) => "RT::Attribute",
        Object::Other => "RT::Group",
    }
}

/// The id within its class.
pub fn object_id(object: Object) -> u64 {
    match object {
        Object::Ticket(id) | Object::User(id) | Object::Queue(id) | Object::Attribute(id) => id,
        Object::Other => 0,
    }
}

fn transaction_holds(store: &Store, row: &Transaction, term: &Term) -> bool {
    if let Some(name) = custom(&term.field) {
        let mut fields = store.fields.values().filter(|field| field.of_transactions);
        let Some(field) = fields.find(|field| is_named(&field.name, field.id, name)) else { return false };
        let values = row.values.get(&field.id).into_iter().flatten().map(Cow::from);
        return Seen::Texts(values.collect()).holds(term.op, &term.value);
    }
    of_transaction(store, row, &term.field).is_some_and(|seen| seen.holds(term.op, &term.value))
}

/// The first `most` transactions that a query finds, by id, those that the caller may not see included. Errors: RT's
/// sentence.
pub fn transactions(store: &Store, query: &str, most: usize) -> Result<Vec<u64>, String> {
    if query.trim().is_empty() {
        return Ok(Vec::new());
    }
    let node = parse(query).map_err(|error| at_source(error, NO_TRANSACTION_FIELD, NO_TRANSACTION_FIELD))?;
    let probe = store.transactions.values().next();
    for term in node.terms() {
        let known = custom(&term.field).is_some() || probe.is_none_or(|row| of_transaction(store, row, &term.field).is_some());
        if !known {
            return Err(format!("Unknown field: {}{NO_TRANSACTION_FIELD}", term.field));
        }
    }
    let rows = transaction_candidates(store, &node);
    let rows = rows.filter(|row| !store.held.contains(&row.id));
    let found = rows.filter(|row| node.holds(&|term| transaction_holds(store, row, term)));
    Ok(found.take(most).map(|row| row.id).collect())
}

fn transaction_candidates<'s>(store: &'s Store, node: &Node) -> Box<dyn Iterator<Item = &'s Transaction> + 's> {
    let mut from = 0;
    for term in node.needed() {
        let number = || term.value.trim().parse::<u64>().unwrap_or(0);
        match (term.field.to_lowercase().as_str(), term.op) {
            ("id", Op::Gt | Op::Ge) => from = from.max(number()),
            ("id", Op::Eq) => return Box::new(store.transactions.get(&number()).into_iter()),
            ("objectid", Op::Eq) => {
                let own = store.tickets.get(&number()).map(|ticket| ticket.transactions.clone()).unwrap_or_default();
                let ids: BTreeSet<u64> = own.into_iter().collect();
                let others = node.terms().iter().any(|term| term.value == "RT::Ticket");
                if others {
                    return Box::new(ids.into_iter().filter_map(|id| store.transactions.get(&id)));
                }
            }
            (_, Op::Eq) => {
                if let Some(ids) = by_transaction_value(store, term) {
                    return Box::new(ids.into_iter().filter_map(|id| store.transactions.get(&id)));
                }
            }
            _ => {}
        }
    }
    Box::new(store.transactions.range(from..).map(|(_, row)| row))
}

fn by_transaction_value(store: &Store, term: &Term) -> Option<BTreeSet<u64>> {
    let name = custom(&term.field)?;
    let field = store.fields.values().find(|field| field.of_transactions && is_named(&field.name, field.id, name))?;
    Some(store.transactions_by_value.get(&(field.id, term.value.to_lowercase())).cloned().unwrap_or_default())
}

/// How tickets are compared for a column; none if RT has no such column.
fn order_key(store: &Store, ticket: &Ticket, column: &str) -> Option<(i64, String)> {
    let seen = of_ticket(store, ticket, column)?;
    Some(match seen {
        Seen::Text(text) => (0, text.to_lowercase()),
        Seen::Texts(texts) => (0, texts.into_iter().next().unwrap_or_default().to_lowercase()),
        Seen::Number(number) => (number, String::new()),
        Seen::Date(at) => (at.unwrap_or_default().timestamp(), String::new()),
    })
}

/// Sorts found tickets by columns, each descending or not. False: there is no such column, and the search finds nothing.
pub fn sort_tickets(store: &Store, ids: &mut [u64], columns: &[(String, bool)]) -> bool {
    let key = |id: u64, column: &str| order_key(store, store.ticket(id), column);
    let known = columns.iter().all(|(column, _)| ids.first().is_none_or(|id| key(*id, column).is_some()));
    if known && !columns.is_empty() {
        ids.sort_by_cached_key(|id| SortKey(columns.iter().map(|(column, down)| (key(*id, column), *down)).collect()));
    }
    known
}

#[derive(PartialEq, Eq)]
struct SortKey(Vec<(Option<(i64, String)>, bool)>);

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let pairs = self.0.iter().zip(&other.0);
        let mut orders = pairs.map(|((a, down), (b, _))| if *down { b.cmp(a) } else { a.cmp(b) });
        orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Sorts found transactions; ids, times and types are the columns that clients use. False: no such column.
pub fn sort_transactions(store: &Store, ids: &mut [u64], columns: &[(String, bool)]) -> bool {
    let columns: Vec<(String, bool)> = columns.iter().map(|(column, down)| (column.to_lowercase(), *down)).collect();
    let order = |a: &Transaction, b: &Transaction, column: &str| match column {
        "created" => a.created.cmp(&b.created),
        "type" => a.kind.cmp(&b.kind),
        _ => a.id.cmp(&b.id),
    };
    ids.sort_by(|a, b| {
        let (a, b) = (&store.transactions[a], &store.transactions[b]);
        let mut orders = columns.iter().map(|(column, down)| if *down { order(b, a, column) } else { order(a, b, column) });
        orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    columns.iter().all(|(column, _)| matches!(column.as_str(), "id" | "created" | "type"))
}
