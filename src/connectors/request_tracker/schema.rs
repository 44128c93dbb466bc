//! Queues, statuses and custom fields: what values may be mapped to, and the layout that reading needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::connectors::fault::Fault;
use crate::desk::field::FieldKey;
use crate::desk::schema::{FieldKind, FieldSchema, Schema};

use super::RequestTracker;
use super::api::call;
use super::translate::Layout;
use super::wire::{DefinitionJson, QueueJson, TicketJson};

/// Statuses of RT's lifecycle `default` (RT_Config: `%Lifecycles`). REST2 does not show lifecycles.
pub const DEFAULT_STATUSES: [&str; 6] = ["new", "open", "stalled", "resolved", "rejected", "deleted"];
/// What a ticket's custom fields hang on.
pub(super) const ON_TICKETS: &str = "RT::Queue-RT::Ticket";
/// What a transaction's custom fields hang on.
pub(super) const ON_TRANSACTIONS: &str = "RT::Queue-RT::Ticket-RT::Transaction";
const DEFINITION_FIELDS: &str = "Name,Type,MaxValues,LookupType,Pattern";
/// The pattern by which RT's admins make a field one that has to be filled; its pages ask for it then, its API does not.
const MANDATORY: &str = "(?#Mandatory)";

impl RequestTracker {
    /// The layout, read again when this ticket names a queue or field that was not there before.
    pub(super) async fn layout_for(&self, ticket: &TicketJson) -> Result<Arc<Layout>, Fault> {
        self.layout_that(|layout| layout.covers(ticket)).await
    }

    /// The layout as last read.
    pub(super) async fn layout(&self) -> Result<Arc<Layout>, Fault> {
        self.layout_that(|_| true).await
    }

    /// The layout as last read if it will do. Whoever comes while it is read waits for it: many tickets are read at a time.
    async fn layout_that(&self, will_do: impl Fn(&Layout) -> bool) -> Result<Arc<Layout>, Fault> {
        if let Some(known) = self.layout.read().await.as_ref().filter(|known| will_do(known)) {
            return Ok(known.clone());
        }
        let mut held = self.layout.write().await;
        if let Some(known) = held.as_ref().filter(|known| will_do(known)) {
            return Ok(known.clone());
        }
        Ok(held.insert(self.read_layout().await?).clone())
    }

    async fn read_layout(&self) -> Result<Arc<Layout>, Fault> {
        let queues: Vec<QueueJson> = self
            .all(call("list queues"), &["queues", "all"], &[("fields", "Name,Lifecycle,Disabled"), ("find_disabled_rows", "1")])
            .await?;
        let fields = self.definitions(ON_TICKETS, None).await?;
        Ok(Arc::new(Layout {
            queues: queues.into_iter().map(|queue| (queue.id.0.clone(), queue)).collect(),
            fields: fields.into_iter().map(|field| (field.id.0.clone(), field)).collect(),
        }))
    }

    pub(super) async fn definitions(&self, lookup: &str, name: Option<&str>) -> Result<Vec<DefinitionJson>, Fault> {
        let mut conditions = vec![serde_json::json!({ "field": "LookupType", "value": lookup })];
        conditions.extend(name.map(|name| serde_json::json!({ "field": "Name", "value": name })));
        let query = Json::Array(conditions).to_string();
        let query = [("query", query.as_str()), ("fields", DEFINITION_FIELDS)];
        let found: Vec<DefinitionJson> = self.all(call("list custom fields"), &["customfields"], &query).await?;
        Ok(found.into_iter().filter(|field| field.lookup_type == lookup).collect())
    }

    /// The number of the transaction field that holds message keys. Errors: `Refused` where an admin has not made it yet;
    /// without it a lost answer could not be found again.
    pub(super) async fn message_field(&self) -> Result<String, Fault> {
        if let Some(known) = self.message_field.get() {
            return Ok(known.clone());
        }
        let name = &self.settings.message_key_field;
        let found = self.definitions(ON_TRANSACTIONS, Some(name)).await?;
        let field = found.into_iter().find(|field| field.name == *name).ok_or_else(|| {
            Fault::refused(format!(
                "RT has no transaction custom field `{name}` that the token may see; install deploy/request-tracker/initialdata.pl in RT"
            ))
        })?;
        Ok(self.message_field.get_or_init(|| async { field.id.0.clone() }).await.clone())
    }

    pub(super) async fn read_schema(&self) -> Result<Schema, Fault> {
        let layout = self.read_layout().await?;
        *self.layout.write().await = Some(layout.clone());
        let mut fields = plain_fields(&layout);
        for definition in layout.fields.values() {
            if self.settings.is_own_field(&definition.name) || definition.is_binary() {
                continue;
            }
            let key = self.field_key(&definition.name);
            let options = if definition.kind == "Select" { Some(self.choices(&definition.id.0).await?) } else { None };
            let required = definition.pattern.0.starts_with(MANDATORY);
            fields.insert(key, FieldSchema { kind: kind(definition), options, required });
        }
        Ok(Schema { fields })
    }

    /// What a custom field of tickets is in both desks' words.
    pub(super) fn field_key(&self, name: &str) -> FieldKey {
        if self.settings.tags_field.as_deref() == Some(name) { FieldKey::Tags } else { FieldKey::custom(name) }
    }

    async fn choices(&self, id: &str) -> Result<BTreeSet<String>, Fault> {
        let found: Option<DefinitionJson> = self.find(call("read custom field"), &["customfield", id]).await?;
        let values = found.map(|definition| definition.values).unwrap_or_default();
        Ok(values.iter().filter_map(choice).map(str::to_string).collect())
    }
}

/// A value of a choice: RT 5.0.3 writes its name, others an object with the name in it.
fn choice(value: &Json) -> Option<&str> {
    value.as_str().or_else(|| value.get("name")?.as_str())
}

fn plain_fields(layout: &Layout) -> BTreeMap<FieldKey, FieldSchema> {
    let open = layout.queues.values().filter(|queue| queue.disabled.0 == "0");
    let queues: BTreeSet<String> = open.clone().map(|queue| queue.name.clone()).collect();
    let usual = open.clone().all(|queue| queue.lifecycle == "default");
    let statuses = usual.then(|| DEFAULT_STATUSES.iter().map(|status| (*status).to_string()).collect());
    let field = |kind, options, required| FieldSchema { kind, options, required };
    BTreeMap::from([
        (FieldKey::Subject, field(FieldKind::Text, None, false)),
        (FieldKey::Status, field(FieldKind::Choice, statuses, true)),
        (FieldKey::Priority, field(FieldKind::Integer, None, false)),
        (FieldKey::Group, field(FieldKind::Choice, Some(queues), true)),
        (FieldKey::Assignee, field(FieldKind::Person, None, false)),
        (FieldKey::Requester, field(FieldKind::Person, None, false)),
        (FieldKey::Cc, field(FieldKind::People, None, false)),
        (FieldKey::Followers, field(FieldKind::People, None, false)),
        (FieldKey::Due, field(FieldKind::DateTime, None, false)),
    ])
}

fn kind(definition: &DefinitionJson) -> FieldKind {
    match (definition.kind.as_str(), definition.is_multiple()) {
        ("Select", true) => FieldKind::MultiChoice,
        ("Select", false) => FieldKind::Choice,
        (_, true) => FieldKind::Words,
        ("Text" | "HTML" | "Wikitext", false) => FieldKind::LongText,
        ("Date", false) => FieldKind::Date,
        ("DateTime", false) => FieldKind::DateTime,
        _ => FieldKind::Text,
    }
}
