//! Records as REST2 writes them when they are fetched one by one: numbers as texts but for `id`, 1970 for no date, empty
//! texts for nothing.

use serde_json::{Map, Value, json};

use super::date;
use super::mime::lines_of_base64;
use super::status;
use super::store::{Attachment, End, Field, FieldKind, LinkKind, Object, Queue, Role, Store, Ticket, Transaction, User};

impl Store {
    /// `{"type": .., "id": .., "_url": ..}`.
    pub fn reference(&self, class: &str, id: &str) -> Value {
        json!({ "type": class, "id": id, "_url": format!("{}/REST/2.0/{class}/{id}", self.url) })
    }

    /// A reference to a user: by name.
    pub fn user_reference(&self, id: u64) -> Value {
        self.reference("user", self.user_name(id))
    }

    /// The first of a record's `_hyperlinks`; its id is a number.
    fn self_link(&self, class: &str, id: u64) -> Value {
        json!({ "ref": "self", "type": class, "id": id, "_url": format!("{}/REST/2.0/{class}/{id}", self.url) })
    }

    fn field_link(&self, field: &Field) -> Value {
        let mut link = self.reference("customfield", &field.id.to_string());
        link["ref"] = json!("customfield");
        link["name"] = json!(field.name);
        link
    }

    fn people(&self, ids: &[u64]) -> Value {
        ids.iter().map(|id| self.user_reference(*id)).collect()
    }

    /// `CustomFields` of a ticket. RT's order is a hash's: `turn` stands for it.
    pub fn ticket_values(&self, ticket: &Ticket, turn: usize) -> Vec<Value> {
        let mut list: Vec<Value> = self
            .shown_fields(ticket.queue)
            .map(|field| {
                let values = ticket.values.get(&field.id).into_iter().flatten().map(|value| field.shown(value));
                self.field_values(field, values.collect())
            })
            .collect();
        let by = if list.is_empty() { 0 } else { turn % list.len() };
        list.rotate_left(by);
        list
    }

    fn field_values(&self, field: &Field, values: Vec<Value>) -> Value {
        let mut shown = self.reference("customfield", &field.id.to_string());
        shown["name"] = json!(field.name);
        shown["values"] = Value::Array(values);
        shown
    }

    /// `CustomFields` of a transaction; none where its queue has no transaction fields.
    pub fn transaction_values(&self, row: &Transaction) -> Option<Vec<Value>> {
        let Object::Ticket(ticket) = row.object else { return None };
        let queue = self.resolve(ticket).or_else(|| self.tickets.get(&ticket))?.queue;
        let list: Vec<Value> = self
            .transaction_fields(queue)
            .map(|field| {
                let values = row.values.get(&field.id).into_iter().flatten().map(|value| json!(value));
                self.field_values(field, values.collect())
            })
            .collect();
        (!list.is_empty()).then_some(list)
    }

    /// `_hyperlinks` of a ticket.
    pub fn ticket_links(&self, ticket: &Ticket) -> Vec<Value> {
        let own = format!("{}/REST/2.0/ticket/{}", self.url, ticket.id);
        let mut links = vec![self.self_link("ticket", ticket.id)];
        let deleted = |id: u64| self.tickets.get(&id).is_none_or(|ticket| ticket.status == "deleted");
        for link in &ticket.links {
            // Links of deleted tickets are there but not shown, but for those from a deleted ticket to an address.
            let hidden = match &link.other {
                End::Ticket(other) => deleted(*other) || deleted(ticket.id),
                End::Uri(_) => !link.base && deleted(ticket.id),
            };
            if hidden {
                continue;
            }
            let word = match (link.kind, link.base) {
                (LinkKind::DependsOn, true) => "depends-on",
                (LinkKind::DependsOn, false) => "depended-on-by",
                (LinkKind::MemberOf, true) => "parent",
                (LinkKind::MemberOf, false) => "child",
                (LinkKind::RefersTo, true) => "refers-to",
                (LinkKind::RefersTo, false) => "referred-to-by",
                (LinkKind::MergedInto, _) => continue,
            };
            let mut shown = match &link.other {
                End::Ticket(id) => self.reference("ticket", &id.to_string()),
                End::Uri(uri) => json!({ "type": "external", "_url": uri }),
            };
            shown["ref"] = json!(word);
            links.push(shown);
        }
        links.extend(self.shown_fields(ticket.queue).map(|field| self.field_link(field)));
        for word in ["history", "correspond", "comment"] {
            links.push(json!({ "ref": word, "_url": format!("{own}/{word}") }));
        }
        for (to, label, update) in status::actions(&ticket.status) {
            let url = match *update {
                "Respond" => format!("{own}/correspond"),
                "Comment" => format!("{own}/comment"),
                _ => own.clone(),
            };
            let mut link = json!({ "ref": "lifecycle", "label": label, "from": ticket.status, "to": to, "_url": url });
            if !update.is_empty() {
                link["update"] = json!(update);
            }
            links.push(link);
        }
        links
    }

    /// `GET ticket/ID`.
    pub fn ticket_json(&self, ticket: &Ticket, turn: usize) -> Value {
        let day = |at| json!(date::w3c(at));
        let mut shown = json!({
            "id": ticket.id,
            "EffectiveId": self.reference("ticket", &ticket.effective.to_string()),
            "Type": ticket.kind,
            "Queue": self.reference("queue", &ticket.queue.to_string()),
            "Status": ticket.status,
            "Owner": self.user_reference(ticket.owner),
            "Requestor": self.people(ticket.role(Role::Requestor)),
            "Cc": self.people(ticket.role(Role::Cc)),
            "AdminCc": self.people(ticket.role(Role::AdminCc)),
            "Priority": ticket.priority.to_string(),
            "InitialPriority": ticket.initial_priority.to_string(),
            "FinalPriority": ticket.final_priority.to_string(),
            "TimeWorked": ticket.times.worked.to_string(),
            "TimeEstimated": ticket.times.estimated.to_string(),
            "TimeLeft": ticket.times.left.to_string(),
            "Due": day(ticket.dates.due),
            "Starts": day(ticket.dates.starts),
            "Started": day(ticket.dates.started),
            "Resolved": day(ticket.dates.resolved),
            "Created": day(Some(ticket.created)),
            "Creator": self.user_reference(ticket.creator),
            "LastUpdated": day(Some(ticket.updated)),
            "LastUpdatedBy": self.user_reference(ticket.updated_by),
            "CustomFields": self.ticket_values(ticket, turn),
            "_hyperlinks": self.ticket_links(ticket),
        });
        if let Some(subject) = &ticket.subject {
            shown["Subject"] = json!(subject);
        }
        if ticket.dates.told.is_some() {
            shown["Told"] = day(ticket.dates.told);
        }
        shown
    }

    /// `_hyperlinks` of a transaction.
    pub fn transaction_links(&self, row: &Transaction) -> Vec<Value> {
        let mut links = vec![self.self_link("transaction", row.id)];
        if let Object::Ticket(ticket) = row.object
            && let Some(ticket) = self.tickets.get(&ticket)
        {
            links.extend(self.transaction_fields(ticket.queue).map(|field| self.field_link(field)));
        }
        for id in &row.attachments {
            links.push(json!({ "ref": "attachment", "_url": format!("{}/REST/2.0/attachment/{id}", self.url) }));
        }
        links
    }

    /// What the transaction is about.
    pub fn object_reference(&self, object: Object) -> Value {
        match object {
            Object::Ticket(id) => self.reference("ticket", &id.to_string()),
            Object::User(id) => self.user_reference(id),
            Object::Queue(id) => self.reference("queue", &id.to_string()),
            Object::Attribute(id) => self.reference("attribute", &id.to_string()),
            Object::Other => Value::Null,
        }
    }

    /// `GET transaction/ID`. None: RT dies of it, as it does of links between tickets.
    pub fn transaction_json(&self, row: &Transaction) -> Option<Value> {
        let link = matches!(row.kind.as_str(), "AddLink" | "DeleteLink");
        let value = row.new.as_deref().or(row.old.as_deref()).unwrap_or("");
        if link && value.starts_with("fsck.com-rt:") {
            return None;
        }
        let mut shown = json!({
            "id": row.id,
            "Type": row.kind,
            "Object": self.object_reference(row.object),
            "TimeTaken": row.taken.to_string(),
            "Creator": self.user_reference(row.creator),
            "Created": date::w3c(Some(row.created)),
            "_hyperlinks": self.transaction_links(row),
        });
        let reference = |place: u64| self.reference("objectcustomfieldvalue", &(row.id * 2 + place).to_string());
        if row.kind == "CustomField" {
            shown["Field"] = self.reference("customfield", row.field.as_deref().unwrap_or(""));
            shown["ReferenceType"] = json!("RT::ObjectCustomFieldValue");
            insert(&mut shown, "OldReference", row.old.as_ref().map(|_| reference(0)));
            insert(&mut shown, "NewReference", row.new.as_ref().map(|_| reference(1)));
        } else {
            insert(&mut shown, "Field", row.field.as_ref().map(|text| json!(text)));
            insert(&mut shown, "OldValue", row.old.as_ref().map(|text| json!(text)));
            insert(&mut shown, "NewValue", row.new.as_ref().map(|text| json!(text)));
        }
        insert(&mut shown, "Data", row.data.as_ref().map(|text| json!(text)));
        insert(&mut shown, "CustomFields", self.transaction_values(row).map(Value::Array));
        Some(shown)
    }

    /// `GET attachment/ID`.
    pub fn attachment_json(&self, row: &Attachment) -> Value {
        let parent = match row.parent {
            0 => json!("0"),
            id => self.reference("attachment", &id.to_string()),
        };
        let content = row.content.as_ref().filter(|bytes| !bytes.is_empty()).map(|bytes| lines_of_base64(bytes));
        let mut shown = json!({
            "id": row.id,
            "TransactionId": self.reference("transaction", &row.transaction.to_string()),
            "Parent": parent,
            "ContentType": row.content_type,
            "Content": content,
            "Headers": row.headers,
            "Subject": row.subject,
            "MessageId": row.message_id,
            "Creator": self.user_reference(row.creator),
            "Created": date::w3c(Some(row.created)),
            "_hyperlinks": [self.self_link("attachment", row.id)],
        });
        insert(&mut shown, "Filename", row.file_name.as_ref().map(|name| json!(name)));
        shown
    }

    /// `GET user/NAME`.
    pub fn user_json(&self, user: &User) -> Value {
        let own = format!("{}/REST/2.0/user/{}", self.url, user.id);
        let mut shown = json!({
            "id": user.id,
            "Name": user.name,
            "EmailAddress": user.email,
            "Privileged": u8::from(user.privileged),
            "Disabled": if user.disabled { "1" } else { "0" },
            "CustomFields": [],
            "Memberships": [],
            "Created": date::w3c(Some(user.created)),
            "Creator": self.user_reference(user.creator),
            "LastUpdated": date::w3c(Some(user.updated)),
            "LastUpdatedBy": self.user_reference(user.updated_by),
            "_hyperlinks": [self.self_link("user", user.id), { "ref": "history", "_url": format!("{own}/history") }],
        });
        for (key, text) in [("RealName", &user.real_name), ("Organization", &user.organization), ("Comments", &user.comments)] {
            insert(&mut shown, key, Some(json!(text)).filter(|_| !text.is_empty()));
        }
        shown
    }

    /// `GET queue/NAME`.
    pub fn queue_json(&self, queue: &Queue) -> Value {
        let own = format!("{}/REST/2.0/queue/{}", self.url, queue.id);
        let at = date::w3c(Some(queue.created));
        json!({
            "id": queue.id,
            "Name": queue.name,
            "Description": queue.description,
            "CorrespondAddress": queue.correspond_address,
            "CommentAddress": "",
            "Lifecycle": "default",
            "SLADisabled": "1",
            "SortOrder": "0",
            "Disabled": if queue.disabled { "1" } else { "0" },
            "AdminCc": [],
            "Cc": [],
            "CustomFields": [],
            "TicketCustomFields": self.shown_fields(queue.id).map(|field| self.field_link(field)).collect::<Vec<_>>(),
            "TicketTransactionCustomFields":
                self.transaction_fields(queue.id).map(|field| self.field_link(field)).collect::<Vec<_>>(),
            "Created": at,
            "Creator": self.user_reference(queue.creator),
            "LastUpdated": at,
            "LastUpdatedBy": self.user_reference(queue.creator),
            "_hyperlinks": [
                self.self_link("queue", queue.id),
                { "ref": "history", "_url": format!("{own}/history") },
                { "ref": "create", "type": "ticket", "_url": format!("{}/REST/2.0/ticket?Queue={}", self.url, queue.id) },
            ],
        })
    }

    /// `GET customfield/ID`.
    pub fn field_json(&self, field: &Field) -> Value {
        let at = date::w3c(Some(field.created));
        let mut links = vec![self.self_link("customfield", field.id)];
        let mut shown = json!({
            "id": field.id,
            "Name": field.name,
            "Description": field.description,
            "Type": field.kind.name(),
            "MaxValues": if field.multiple { "0" } else { "1" },
            "LookupType": field.lookup_type(),
            "Pattern": field.pattern,
            "EntryHint": field.hint(),
            "SortOrder": "0",
            "UniqueValues": "0",
            "Disabled": if field.disabled { "1" } else { "0" },
            "Created": at,
            "Creator": self.user_reference(field.creator),
            "LastUpdated": at,
            "LastUpdatedBy": self.user_reference(field.creator),
        });
        if field.kind == FieldKind::Select {
            let url = format!("{}/REST/2.0/customfield/{}/values", self.url, field.id);
            links.push(json!({ "ref": "customfieldvalues", "_url": url }));
            if !field.choices.is_empty() {
                shown["Values"] = field.choices_by_name().into_iter().map(|(_, name)| json!(name)).collect();
            }
        }
        shown["_hyperlinks"] = Value::Array(links);
        shown
    }
}

impl Field {
    /// What it belongs to.
    pub fn lookup_type(&self) -> &'static str {
        if self.of_transactions { "RT::Queue-RT::Ticket-RT::Transaction" } else { "RT::Queue-RT::Ticket" }
    }

    /// Its choices in RT's order.
    pub fn choices_by_name(&self) -> Vec<(u64, String)> {
        let mut choices = self.choices.clone();
        choices.sort_by(|(_, a), (_, b)| a.cmp(b));
        choices
    }

    fn hint(&self) -> &'static str {
        match (self.kind, self.multiple) {
            (FieldKind::Freeform, false) => "Enter one value",
            (FieldKind::Freeform, true) => "Enter multiple values",
            (FieldKind::Select, false) => "Select one value",
            (FieldKind::Select, true) => "Select multiple values",
            (FieldKind::Text, _) => "Fill in one text area",
            (FieldKind::Html, _) => "Fill in one HTML area",
            (FieldKind::Wikitext, _) => "Fill in one wikitext area",
            (FieldKind::Combobox, _) => "Combobox: Select or enter one value",
            (FieldKind::Autocomplete, _) => "Enter one value with autocompletion",
            (FieldKind::IpAddress, _) => "Enter one IP address",
            (FieldKind::IpRange, _) => "Enter one IP address range",
            (FieldKind::Image, _) => "Upload one image",
            (FieldKind::Binary, _) => "Upload one file",
            (FieldKind::Date, _) => "Select date",
            (FieldKind::DateTime, _) => "Select datetime",
        }
    }
}

/// Puts a key in if there is a value.
fn insert(object: &mut Value, key: &str, value: Option<Value>) {
    if let (Value::Object(object), Some(value)) = (object, value) {
        let object: &mut Map<String, Value> = object;
        object.insert(key.to_owned(), value);
    }
}
