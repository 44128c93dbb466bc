//! Lists as REST2 writes them: pages of references, with the fields that were asked for. Everything is a text there, and
//! what a record does not have is an empty one.

use serde_json::{Value, json};

use super::call::Call;
use super::date;
use super::mime::{is_recoded, latin1};
use super::search::{object_id, object_type};
use super::store::{Attachment, Object, Role, Store, Ticket, Transaction, User};

/// What is known of the length of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    Known(usize),
    /// RT does not say for transactions and attachments.
    Unsaid,
}

/// The page that is asked for: 20 rows if it is not said, never more than 100.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    pub number: usize,
    pub rows: usize,
}

impl Page {
    /// Reads `page` and `per_page`; nonsense is the default.
    pub fn of(call: &Call) -> Self {
        let number = |key: &str, default: usize| {
            call.query(key).and_then(|text| text.parse::<usize>().ok()).filter(|number| *number > 0).unwrap_or(default)
        };
        Page { number: number("page", 1), rows: number("per_page", 20).min(100) }
    }

    /// The rows of this page. What the caller may not see is taken out afterwards: a page can be short.
    pub fn cut<T: Copy>(self, all: &[T]) -> Vec<T> {
        all.iter().skip((self.number - 1).saturating_mul(self.rows)).take(self.rows).copied().collect()
    }
}

/// The frame around the rows of a page.
pub fn frame(store: &Store, call: &Call, total: Total, items: Vec<Value>) -> Value {
    let page = Page::of(call);
    let mut shown = json!({
        "count": items.len(),
        "items": items,
        "page": page.number,
        "per_page": page.rows,
        "total": null,
        "pages": null,
    });
    let Total::Known(total) = total else { return shown };
    let pages = total.div_ceil(page.rows);
    shown["total"] = json!(total);
    shown["pages"] = if pages == 0 { json!(0.0) } else { json!(pages) };
    if page.number < pages {
        shown["next_page"] = json!(address(store, call, page.number + 1));
    }
    if pages > 0 && page.number > 1 {
        shown["prev_page"] = json!(address(store, call, (page.number - 1).min(pages)));
    }
    shown
}

fn address(store: &Store, call: &Call, page: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let last = call.query.len().saturating_sub(1);
    for (place, (key, value)) in call.query.iter().enumerate() {
        match key.as_str() {
            "page" if place == last => {}
            // RT takes the parameter away and leaves its place.
            "page" => drop(query.append_pair("", "")),
            key => drop(query.append_pair(key, value)),
        }
    }
    query.append_pair("page", &page.to_string());
    format!("{}/REST/2.0/{}?{}", store.url, call.path, query.finish())
}

/// Which fields a list was asked for, and, as `fields[Queue]=Name`, of which records inside.
#[derive(Debug, Default)]
pub struct Fields<'c> {
    call: Option<&'c Call>,
    names: Vec<&'c str>,
}

impl<'c> Fields<'c> {
    /// Reads `fields`.
    pub fn of(call: &'c Call) -> Self {
        let names = call.query("fields").map(|text| text.split(',').collect()).unwrap_or_default();
        Fields { call: Some(call), names }
    }

    /// Whether a field was asked for.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// A row: the reference with the fields asked for.
    fn fill(&self, mut row: Value, value: impl Fn(&str) -> Value) -> Value {
        for name in &self.names {
            row[*name] = value(name);
        }
        row
    }

    /// Takes the fields out of a row, as RT does where the caller may list a record and not look into it.
    pub fn blank(&self, row: &mut Value) {
        for name in &self.names {
            row[*name] = if *name == "Created" { json!(date::w3c(None)) } else { json!("") };
        }
    }

    fn inside(&self, field: &str) -> Vec<&'c str> {
        let asked = self.call.and_then(|call| call.query(&format!("fields[{field}]")));
        asked.map(|text| text.split(',').collect()).unwrap_or_default()
    }

    fn user(&self, store: &Store, field: &str, id: u64) -> Value {
        let mut row = store.user_reference(id);
        if let Some(user) = store.users.get(&id) {
            for name in self.inside(field) {
                row[name] = of_user(store, user, name);
            }
        }
        row
    }

    fn queue(&self, store: &Store, id: u64) -> Value {
        let mut row = store.reference("queue", &id.to_string());
        for name in self.inside("Queue") {
            row[name] = store.queues.get(&id).map_or(json!(""), |queue| of(&store.queue_json(queue), name));
        }
        row
    }
}

/// A field of a record written out.
pub fn of(whole: &Value, name: &str) -> Value {
    match whole.get(name) {
        None | Some(Value::Null | Value::Array(_)) => json!(""),
        Some(value) => value.clone(),
    }
}

fn of_user(store: &Store, user: &User, name: &str) -> Value {
    match name {
        "Privileged" | "Disabled" => json!(""),
        name => of(&store.user_json(user), name),
    }
}

impl Store {
    /// A row of a list of tickets.
    pub fn ticket_row(&self, ticket: &Ticket, fields: &Fields<'_>, turn: usize) -> Value {
        let day = |at| json!(date::w3c(at));
        let people = |field: &str, role: Role| ticket.role(role).iter().map(|id| fields.user(self, field, *id)).collect();
        fields.fill(self.reference("ticket", &ticket.id.to_string()), |name| match name {
            "id" => json!(ticket.id),
            "Subject" => json!(ticket.subject.as_deref().unwrap_or("")),
            "Status" => json!(ticket.status),
            "Type" => json!(ticket.kind),
            "EffectiveId" => json!(ticket.effective.to_string()),
            "Queue" => fields.queue(self, ticket.queue),
            "Owner" => fields.user(self, name, ticket.owner),
            "Creator" => fields.user(self, name, ticket.creator),
            "LastUpdatedBy" => fields.user(self, name, ticket.updated_by),
            "Requestor" => people(name, Role::Requestor),
            "Cc" => people(name, Role::Cc),
            "AdminCc" => people(name, Role::AdminCc),
            "Priority" => json!(ticket.priority.to_string()),
            "InitialPriority" => json!(ticket.initial_priority.to_string()),
            "FinalPriority" => json!(ticket.final_priority.to_string()),
            "TimeWorked" => json!(ticket.times.worked.to_string()),
            "TimeEstimated" => json!(ticket.times.estimated.to_string()),
            "TimeLeft" => json!(ticket.times.left.to_string()),
            "Created" => day(Some(ticket.created)),
            "LastUpdated" => day(Some(ticket.updated)),
            "Due" => day(ticket.dates.due),
            "Starts" => day(ticket.dates.starts),
            "Started" => day(ticket.dates.started),
            "Resolved" => day(ticket.dates.resolved),
            "Told" => day(ticket.dates.told),
            "CustomFields" => Value::Array(self.ticket_values(ticket, turn)),
            "_hyperlinks" => Value::Array(self.ticket_links(ticket)),
            _ => json!(""),
        })
    }

    /// A row of a list of transactions.
    pub fn transaction_row(&self, row: &Transaction, fields: &Fields<'_>) -> Value {
        let text = |text: &Option<String>| json!(text.as_deref().unwrap_or(""));
        fields.fill(self.reference("transaction", &row.id.to_string()), |name| match name {
            "id" => json!(row.id),
            "Type" => json!(row.kind),
            "Field" => text(&row.field),
            "OldValue" | "NewValue" if matches!(row.object, Object::Attribute(_)) => json!({ "Panes": null }),
            "OldValue" => text(&row.old),
            "NewValue" => text(&row.new),
            "Data" => text(&row.data),
            "TimeTaken" => json!(row.taken.to_string()),
            "ObjectType" => json!(object_type(row.object)),
            "ObjectId" => json!(object_id(row.object).to_string()),
            "Creator" => fields.user(self, name, row.creator),
            "Created" => json!(date::w3c(Some(row.created))),
            "CustomFields" => self.transaction_values(row).map_or(json!(""), Value::Array),
            "_hyperlinks" => Value::Array(self.transaction_links(row)),
            _ => json!(""),
        })
    }

    /// A row of a list of attachments. `Content` is the decoded text: one letter a byte where it is none.
    pub fn attachment_row(&self, row: &Attachment, fields: &Fields<'_>) -> Value {
        let bytes = row.content.as_deref().unwrap_or_default();
        fields.fill(self.reference("attachment", &row.id.to_string()), |name| match name {
            "id" => json!(row.id),
            "TransactionId" => json!(row.transaction.to_string()),
            "ContentType" => json!(row.content_type),
            "Filename" => json!(row.file_name.as_deref().unwrap_or("")),
            "Content" if is_recoded(&row.content_type) => json!(String::from_utf8_lossy(bytes)),
            "Content" => json!(latin1(bytes)),
            "ContentLength" => json!(bytes.len().to_string()),
            "Headers" => json!(row.headers),
            "Subject" => json!(row.subject),
            "MessageId" => json!(row.message_id),
            "Creator" => fields.user(self, name, row.creator),
            "Created" => json!(date::w3c(Some(row.created))),
            "_hyperlinks" => self.attachment_json(row)["_hyperlinks"].clone(),
            _ => json!(""),
        })
    }

    /// A row of a list of users.
    pub fn user_row(&self, user: &User, fields: &Fields<'_>) -> Value {
        fields.fill(self.user_reference(user.id), |name| of_user(self, user, name))
    }

    /// A row of a list of records that are written out whole.
    pub fn plain_row(&self, class: &str, whole: &Value, fields: &Fields<'_>) -> Value {
        fields.fill(self.reference(class, &whole["id"].to_string()), |name| of(whole, name))
    }

    /// Whether the caller may see a transaction: of tickets, all; else the gateway's user those of users and queues.
    pub fn may_see(&self, actor: u64, row: &Transaction) -> bool {
        match row.object {
            Object::Ticket(_) => true,
            Object::User(_) | Object::Queue(_) | Object::Attribute(_) => self.user_name(actor) == super::world::GATEWAY,
            Object::Other => false,
        }
    }
}
