//! The routes that read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::call::{Answer, Call, precondition};
use super::date;
use super::list::{Fields, Page, Total, frame, of};
use super::search;
use super::store::{Attachment, Object, Store, Ticket, User};

/// What a JSON search can compare.
struct Limit {
    field: String,
    operator: String,
    value: String,
}

impl Limit {
    fn holds(&self, whole: &Value) -> bool {
        self.fits(match of(whole, &self.field) {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        })
    }

    fn fits(&self, have: String) -> bool {
        let (have, want) = (have.to_lowercase(), self.value.to_lowercase());
        match self.operator.to_uppercase().as_str() {
            "!=" | "IS NOT" => have != want,
            "LIKE" => have.contains(&want),
            "NOT LIKE" => !have.contains(&want),
            "STARTSWITH" => have.starts_with(&want),
            "ENDSWITH" => have.ends_with(&want),
            _ => have == want,
        }
    }
}

/// RT joins the limits on one field by *or*, those on different fields by *and*.
fn is_among(limits: &[Limit], row: &Attachment) -> bool {
    let column = |field: &str| match field {
        "id" => row.id.to_string(),
        "TransactionId" => row.transaction.to_string(),
        "Parent" => row.parent.to_string(),
        "ContentType" => row.content_type.clone(),
        "Filename" => row.file_name.clone().unwrap_or_default(),
        "Subject" => row.subject.clone(),
        _ => String::new(),
    };
    let fields: BTreeSet<&str> = limits.iter().map(|limit| limit.field.as_str()).collect();
    fields.into_iter().all(|field| limits.iter().filter(|limit| limit.field == field).any(|limit| limit.fits(column(field))))
}

/// The body, or `query`, of a JSON search. Errors: RT's answer.
fn limits(call: &Call) -> Result<Vec<Limit>, Answer> {
    let text = match call.method.as_str() {
        "POST" => String::from_utf8_lossy(&call.body).into_owned(),
        _ => call.query("query").unwrap_or("").to_owned(),
    };
    if text.trim().is_empty() || (call.is_read() && !text.trim_start().starts_with('[')) {
        return Ok(Vec::new());
    }
    let parsed: Value =
        serde_json::from_str(&text).map_err(|error| Answer::error(400, &format!("JSON parse error: {error}\n")))?;
    let Value::Array(list) = parsed else { return Err(Answer::error(400, "JSON object must be a ARRAY")) };
    let text = |limit: &Value, key: &str| limit.get(key).and_then(super::value::text);
    let read = |limit: &Value| {
        let operator = text(limit, "operator").unwrap_or_else(|| "=".to_owned());
        Some(Limit { field: text(limit, "field")?, operator, value: text(limit, "value")? })
    };
    Ok(list.iter().filter_map(read).collect())
}

/// The last transaction that a ticket has, which is its `ETag`.
pub fn tag(store: &Store, ticket: u64) -> String {
    store.history(ticket).last().map_or(String::new(), u64::to_string)
}

/// Answers a call that reads.
pub fn answer(store: &Store, call: &Call) -> Answer {
    let parts: Vec<&str> = call.path.split('/').collect();
    match parts.as_slice() {
        ["rt"] => Answer::ok(json!({ "Version": super::VERSION })),
        ["ticket", id] => ticket(store, call, id),
        ["ticket", id, "history"] => history(store, call, id),
        ["ticket", id, "attachments"] => ticket_attachments(store, call, id),
        ["ticket", _, "correspond" | "comment"] => Answer::method_not_allowed("POST"),
        ["tickets"] => tickets(store, call),
        ["transaction", id] => transaction(store, call, id),
        ["transaction", id, "attachments"] => transaction_attachments(store, call, id),
        ["transactions"] => transactions(store, call),
        ["attachment", id] => attachment(store, id),
        ["attachments"] => Answer::ok(frame(store, call, Total::Unsaid, Vec::new())),
        ["user", key] => user(store, call, key),
        ["user", key, "history"] => {
            let rows = store.user(key).map(|user| user.transactions.clone()).unwrap_or_default();
            transaction_page(store, call, rows)
        }
        ["users"] => users(store, call),
        ["groups"] => groups(store, call),
        ["group", id] => group(store, call, id),
        ["queue", key] => queue(store, call, key),
        ["queue", key, "history"] => {
            let rows = store.queue(key).map(|queue| queue.transactions.clone()).unwrap_or_default();
            transaction_page(store, call, rows)
        }
        ["queue", key, "customfields"] => queue_fields(store, call, key),
        ["queues"] => queues(store, call, false),
        ["queues", "all"] => queues(store, call, true),
        ["customfield", id] => field(store, call, id),
        ["customfield", id, "values"] => choices(store, call, id),
        ["customfields"] => fields(store, call),
        _ => Answer::not_found(),
    }
}

fn ticket(store: &Store, call: &Call, id: &str) -> Answer {
    let Some(found) = id.parse().ok().and_then(|id| store.resolve(id)) else { return Answer::not_found() };
    let before = store.before.get(&found.id).filter(|_| call.stale);
    let (shown, tag): (&Ticket, String) = match before {
        Some(before) => (&before.ticket, before.last.to_string()),
        None => (found, tag(store, found.id)),
    };
    let modified = date::w3c(Some(shown.updated));
    if let Some(answer) = precondition(call, &tag, &modified) {
        return answer;
    }
    Answer::ok(store.ticket_json(shown, call.turn)).versioned(&tag, modified)
}

fn transaction_page(store: &Store, call: &Call, mut ids: Vec<u64>) -> Answer {
    if !search::sort_transactions(store, &mut ids, &call.columns()) {
        ids.clear();
    }
    let fields = Fields::of(call);
    let rows = Page::of(call).cut(&ids).into_iter().filter_map(|id| store.transactions.get(&id));
    let rows = rows.filter(|row| store.may_see(call.actor, row)).map(|row| store.transaction_row(row, &fields));
    let mut rows: Vec<Value> = rows.collect();
    if let Some(row) = rows.last_mut().filter(|_| call.blank) {
        fields.blank(row);
    }
    Answer::ok(frame(store, call, Total::Unsaid, rows))
}

fn history(store: &Store, call: &Call, id: &str) -> Answer {
    let found = id.parse().ok().and_then(|id| store.resolve(id));
    let mut ids = found.map(|ticket| store.history(ticket.id)).unwrap_or_default();
    if let Some(before) = found.and_then(|ticket| store.before.get(&ticket.id)).filter(|_| call.stale) {
        ids.retain(|id| *id <= before.last);
    }
    transaction_page(store, call, ids)
}

fn attachment_page(store: &Store, call: &Call, ids: Vec<u64>) -> Answer {
    let fields = Fields::of(call);
    if fields.has("Parent") && !ids.is_empty() {
        return Answer::died();
    }
    let limits = match limits(call) {
        Ok(limits) => limits,
        Err(answer) => return answer,
    };
    let mut found: Vec<_> = ids.iter().filter_map(|id| store.attachments.get(id)).collect();
    found.retain(|row| is_among(&limits, row));
    let rows = Page::of(call).cut(&found).into_iter();
    let rows = rows.map(|row| store.attachment_row(row, &fields));
    Answer::ok(frame(store, call, Total::Unsaid, rows.collect()))
}

fn ticket_attachments(store: &Store, call: &Call, id: &str) -> Answer {
    let found = id.parse().ok().and_then(|id| store.resolve(id));
    let history = found.map(|ticket| store.history(ticket.id)).unwrap_or_default();
    let of = |id: &u64| store.transactions[id].attachments.clone();
    attachment_page(store, call, history.iter().flat_map(of).collect())
}

fn transaction_attachments(store: &Store, call: &Call, id: &str) -> Answer {
    let row = id.parse().ok().and_then(|id| store.transactions.get(&id)).filter(|row| !store.held.contains(&row.id));
    attachment_page(store, call, row.map(|row| row.attachments.clone()).unwrap_or_default())
}

fn tickets(store: &Store, call: &Call) -> Answer {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&call.body).into_owned().collect();
    let posted = form.iter().find(|(key, _)| key == "query").map(|(_, query)| query.as_str());
    let query = call.query("query").or(posted).unwrap_or("");
    let mut ids = match search::tickets(store, query) {
        Ok(ids) => ids,
        Err(message) => return Answer::error(400, &message),
    };
    let total = ids.len();
    if !search::sort_tickets(store, &mut ids, &call.columns()) {
        ids.clear();
    }
    let fields = Fields::of(call);
    let page = Page::of(call).cut(&ids);
    let rows = page.into_iter().map(|id| store.ticket_row(store.ticket(id), &fields, call.turn));
    Answer::ok(frame(store, call, Total::Known(total), rows.collect()))
}

fn transactions(store: &Store, call: &Call) -> Answer {
    let columns = call.columns();
    let page = Page::of(call);
    let by_id = columns.iter().all(|(column, down)| column.eq_ignore_ascii_case("id") && !down);
    let most = if by_id { page.number.saturating_mul(page.rows) } else { usize::MAX };
    match search::transactions(store, call.query("query").unwrap_or(""), most) {
        Ok(ids) => transaction_page(store, call, ids),
        Err(message) => Answer::error(400, &message),
    }
}

fn transaction(store: &Store, call: &Call, id: &str) -> Answer {
    let Ok(id) = id.parse::<u64>() else { return Answer::not_found() };
    match store.transactions.get(&id).filter(|row| !store.held.contains(&row.id)) {
        None => Answer::internal(),
        Some(row) if !store.may_see(call.actor, row) => Answer::error(403, "Forbidden"),
        Some(row) => store.transaction_json(row).map_or_else(Answer::died, Answer::ok),
    }
}

fn attachment(store: &Store, id: &str) -> Answer {
    let Ok(id) = id.parse::<u64>() else { return Answer::not_found() };
    let seen = store.attachments.get(&id).filter(|row| !store.held.contains(&row.transaction));
    seen.map_or_else(Answer::internal, |row| {
        let ticket = store.transactions.get(&row.transaction).is_some_and(|row| matches!(row.object, Object::Ticket(_)));
        if ticket { Answer::ok(store.attachment_json(row)) } else { Answer::error(403, "Forbidden") }
    })
}

fn user(store: &Store, call: &Call, key: &str) -> Answer {
    let Some(user) = store.user(key) else { return Answer::not_found() };
    let tag = user.transactions.last().map_or("0".to_owned(), u64::to_string);
    let modified = date::w3c(Some(user.updated));
    precondition(call, &tag, &modified).unwrap_or_else(|| Answer::ok(store.user_json(user)).versioned(&tag, modified.clone()))
}

fn users(store: &Store, call: &Call) -> Answer {
    let limits = match limits(call) {
        Ok(limits) => limits,
        Err(answer) => return answer,
    };
    const SEARCHABLE: [&str; 7] = ["Name", "EmailAddress", "RealName", "Organization", "Comments", "id", "Created"];
    let limits: Vec<Limit> = limits.into_iter().filter(|limit| SEARCHABLE.contains(&limit.field.as_str())).collect();
    let exact = limits.iter().find(|limit| limit.field == "EmailAddress" && limit.operator == "=");
    let mut found: Vec<_> = match exact {
        Some(limit) => store.user_by_email(&limit.value).into_iter().collect(),
        None => store.users.values().collect(),
    };
    let disabled_too = with_disabled(call);
    found.retain(|user| (disabled_too || !user.disabled) && limits.iter().all(|limit| limit.holds(&store.user_json(user))));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    let fields = Fields::of(call);
    let rows = Page::of(call).cut(&found).into_iter().map(|user| store.user_row(user, &fields)).collect();
    Answer::ok(frame(store, call, Total::Known(found.len()), rows))
}

/// RT's own groups, with the numbers that every RT gives them. Anybody may list them.
const SYSTEM_GROUPS: [(u64, &str); 3] = [(3, "Everyone"), (PRIVILEGED, "Privileged"), (5, "Unprivileged")];
const PRIVILEGED: u64 = 4;

fn groups(store: &Store, call: &Call) -> Answer {
    let row = |(id, name): &(u64, &str)| json!({ "id": id, "Name": name, "Domain": "SystemInternal", "Disabled": "0" });
    found(store, call, "group", SYSTEM_GROUPS.iter().map(row).collect(), false)
}

/// One of them with its members, disabled ones too; the gateway's user alone has the right SeeGroup.
fn group(store: &Store, call: &Call, id: &str) -> Answer {
    let Some((id, name)) = SYSTEM_GROUPS.iter().find(|(own, _)| own.to_string() == id) else { return Answer::not_found() };
    if store.user_name(call.actor) != super::world::GATEWAY {
        return Answer::error(403, "Forbidden");
    }
    let is_member = |user: &&User| *id == 3 || user.privileged == (*id == PRIVILEGED);
    let members: Vec<Value> = store.users.values().filter(is_member).map(|user| store.user_reference(user.id)).collect();
    Answer::ok(json!({
        "id": id, "Name": name, "Domain": "SystemInternal", "Instance": "0", "Description": "Pseudogroup for internal use",
        "Disabled": "0", "CustomFields": [], "Members": members,
    }))
}

fn queue(store: &Store, call: &Call, key: &str) -> Answer {
    let Some(queue) = store.queue(key) else { return Answer::not_found() };
    let tag = queue.transactions.last().map_or("0".to_owned(), u64::to_string);
    let modified = date::w3c(Some(queue.created));
    precondition(call, &tag, &modified).unwrap_or_else(|| Answer::ok(store.queue_json(queue)).versioned(&tag, modified.clone()))
}

/// Lists leave out what is disabled, unless they are asked not to.
fn with_disabled(call: &Call) -> bool {
    call.query("find_disabled_rows") == Some("1")
}

/// A page of records of one class that a JSON search finds among those given; without a search there are none.
fn found(store: &Store, call: &Call, class: &str, all: Vec<Value>, whole: bool) -> Answer {
    let limits = match limits(call) {
        Ok(limits) => limits,
        Err(answer) => return answer,
    };
    let wanted = |row: &&Value| (whole || !limits.is_empty()) && limits.iter().all(|limit| limit.holds(row));
    let mut found: Vec<&Value> = all.iter().filter(wanted).collect();
    found.sort_by_key(|row| row["Name"].as_str().unwrap_or("").to_owned());
    let fields = Fields::of(call);
    let rows = Page::of(call).cut(&found).into_iter().map(|row| store.plain_row(class, row, &fields)).collect();
    // As `CurrentUserCanSeeAll` has it: fields are counted only for who may see all of them.
    let hidden = class == "customfield" && !store.settings.unseen_fields.is_empty();
    let total = if hidden { Total::Unsaid } else { Total::Known(found.len()) };
    Answer::ok(frame(store, call, total, rows))
}

fn queues(store: &Store, call: &Call, whole: bool) -> Answer {
    let disabled_too = with_disabled(call);
    let all =
        store.queues.values().filter(|queue| disabled_too || !queue.disabled).map(|queue| store.queue_json(queue)).collect();
    found(store, call, "queue", all, whole)
}

fn queue_fields(store: &Store, call: &Call, key: &str) -> Answer {
    let Some(queue) = store.queue(key) else { return Answer::not_found() };
    let applied = store.fields.values().filter(|field| !field.disabled && field.queues.contains(&queue.id) && store.shows(field));
    found(store, call, "customfield", applied.map(|field| store.field_json(field)).collect(), true)
}

fn fields(store: &Store, call: &Call) -> Answer {
    let all = store
        .fields
        .values()
        .filter(|field| !field.disabled && store.shows(field))
        .map(|field| store.field_json(field))
        .collect();
    found(store, call, "customfield", all, false)
}

fn field(store: &Store, call: &Call, id: &str) -> Answer {
    let found = id.parse::<u64>().ok().and_then(|id| store.fields.get(&id)).filter(|field| store.shows(field));
    let Some(field) = found else { return Answer::not_found() };
    let modified = date::w3c(Some(field.created));
    precondition(call, &modified, &modified)
        .unwrap_or_else(|| Answer::ok(store.field_json(field)).versioned(&modified, modified.clone()))
}

fn choices(store: &Store, call: &Call, id: &str) -> Answer {
    let found = id.parse::<u64>().ok().and_then(|id| store.fields.get(&id));
    let Some(field) = found else { return Answer::error(403, "Forbidden") };
    let choices = field.choices_by_name();
    let row = |(id, name): &(u64, String)| {
        let url = format!("{}/REST/2.0/customfield/{}/value/{id}", store.url, field.id);
        json!({ "type": "customfieldvalue", "id": id, "name": name, "_url": url })
    };
    let rows: Vec<&(u64, String)> = choices.iter().collect();
    let rows = Page::of(call).cut(&rows).into_iter().map(row).collect();
    let mut shown = frame(store, call, Total::Known(choices.len()), rows);
    if let Some(shown) = shown.as_object_mut() {
        shown.remove("pages");
        shown.remove("next_page");
        shown.remove("prev_page");
    }
    Answer::ok(shown)
}
