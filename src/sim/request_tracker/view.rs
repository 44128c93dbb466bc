//! The store told in neutral words. What is what is said in [`super`].

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::date;
use super::store::{Attachment, End, Field, FieldKind, LinkKind, NOBODY, Role, Store, Ticket, Transaction};
use super::world::{EXTERNAL_ID, TAGS, TYPE};
use crate::sim::snapshot::{FileView, MessageView, TicketState, TicketView};

impl Store {
    /// Every ticket, by id.
    pub fn views(&self) -> Vec<TicketView> {
        self.tickets.values().map(|ticket| self.view(ticket)).collect()
    }

    fn view(&self, ticket: &Ticket) -> TicketView {
        let state = match ticket.status.as_str() {
            _ if ticket.effective != ticket.id => {
                let root = self.resolve(ticket.id).map_or(ticket.effective, |root| root.id);
                TicketState::MergedInto(root.to_string())
            }
            "deleted" => TicketState::Deleted,
            _ => TicketState::Present,
        };
        let own = self.values_of(ticket, TAGS);
        TicketView {
            id: ticket.id.to_string(),
            external_id: self.values_of(ticket, EXTERNAL_ID).into_iter().next(),
            fields: self.field_views(ticket),
            tags: own.into_iter().collect(),
            cc: self.emails(ticket.role(Role::Cc)),
            followers: self.emails(ticket.role(Role::AdminCc)),
            created_at: ticket.created,
            messages: self.message_views(ticket),
            links: link_views(ticket),
            state,
        }
    }

    fn email(&self, id: u64) -> String {
        let user = self.users.get(&id);
        user.map_or(String::new(), |user| if user.email.is_empty() { user.name.clone() } else { user.email.clone() })
    }

    fn emails(&self, ids: &[u64]) -> BTreeSet<String> {
        ids.iter().map(|id| self.email(*id)).collect()
    }

    fn values_of(&self, ticket: &Ticket, name: &str) -> Vec<String> {
        let field = self.fields.values().find(|field| field.name == name);
        let values = field.and_then(|field| ticket.values.get(&field.id));
        values.into_iter().flatten().flatten().cloned().collect()
    }

    fn field_views(&self, ticket: &Ticket) -> BTreeMap<String, Vec<String>> {
        let mut fields = BTreeMap::new();
        let mut put = |key: &str, value: String| {
            if !value.is_empty() {
                fields.insert(key.to_owned(), vec![value]);
            }
        };
        put("subject", ticket.subject.clone().unwrap_or_default());
        put("status", ticket.status.clone());
        put("priority", ticket.priority.to_string());
        put("group", self.queues.get(&ticket.queue).map_or(String::new(), |queue| queue.name.clone()));
        put("assignee", if ticket.owner == NOBODY { String::new() } else { self.email(ticket.owner) });
        let requester = ticket.role(Role::Requestor).first();
        put("requester", requester.map_or(String::new(), |id| self.email(*id)));
        let organisation = requester.and_then(|id| self.users.get(id)).map(|user| user.organization.clone());
        put("organisation", organisation.unwrap_or_default());
        put("due", ticket.dates.due.map_or(String::new(), |due| date::w3c(Some(due))));
        for field in self.ticket_fields(ticket.queue).filter(|field| ![TAGS, EXTERNAL_ID].contains(&field.name.as_str())) {
            let mut values: Vec<String> =
                ticket.values.get(&field.id).into_iter().flatten().flatten().map(|value| shown(field, value)).collect();
            values.sort();
            let key = if field.name == TYPE { "type".to_owned() } else { format!("custom:{}", field.name) };
            if !values.is_empty() {
                fields.insert(key, values);
            }
        }
        fields
    }

    fn message_views(&self, ticket: &Ticket) -> Vec<MessageView> {
        if ticket.effective != ticket.id {
            return Vec::new();
        }
        let mut rows = Vec::new();
        let mut waiting = vec![ticket.id];
        while let Some(next) = waiting.pop() {
            let ticket = self.ticket(next);
            rows.extend(ticket.transactions.iter().filter_map(|id| self.transactions.get(id)));
            waiting.extend(&ticket.merged);
        }
        rows.retain(|row| matches!(row.kind.as_str(), "Create" | "Correspond" | "Comment") && !row.attachments.is_empty());
        rows.sort_by_key(|row| row.id);
        rows.into_iter().map(|row| self.message_view(row)).collect()
    }

    fn message_view(&self, row: &Transaction) -> MessageView {
        let nodes: Vec<&Attachment> = row.attachments.iter().filter_map(|id| self.attachments.get(id)).collect();
        let text = nodes.iter().find(|node| node.file_name.is_none() && node.content.is_some());
        let body = text.and_then(|node| node.content.as_deref()).unwrap_or_default();
        MessageView {
            id: row.id.to_string(),
            author: self.email(row.creator),
            public: row.kind != "Comment",
            at: row.created,
            body: String::from_utf8_lossy(body).into_owned(),
            html: text.is_some_and(|node| node.content_type == "text/html"),
            files: nodes.iter().filter_map(|node| file_view(node)).collect(),
        }
    }
}

fn shown(field: &Field, value: &str) -> String {
    match field.kind {
        FieldKind::DateTime => date::w3c(Some(date::lenient(value))),
        _ => value.to_owned(),
    }
}

fn file_view(node: &Attachment) -> Option<FileView> {
    let bytes = node.content.as_deref().unwrap_or_default();
    let digest = hex::encode(Sha256::digest(bytes));
    Some(FileView {
        name: node.file_name.clone()?,
        size: bytes.len() as u64,
        sha256: digest,
        inline: node.headers.contains("\nContent-ID: "),
    })
}

fn link_views(ticket: &Ticket) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for link in ticket.links.iter().filter(|link| link.base) {
        let kind = match link.kind {
            LinkKind::MemberOf => "parent",
            LinkKind::DependsOn => "depends_on",
            LinkKind::RefersTo => "refers_to",
            LinkKind::MergedInto => continue,
        };
        let other = match &link.other {
            End::Ticket(id) => id.to_string(),
            End::Uri(uri) => uri.clone(),
        };
        found.insert((kind.to_owned(), other));
    }
    found
}
