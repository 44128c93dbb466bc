//! RT's ticket into Tidegate's. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::connectors::fault::Fault;
use crate::desk::field::{FieldKey, Fields, Value};
use crate::desk::id::{MessageId, PersonId, TicketId};
use crate::desk::person::{Person, Role};
use crate::desk::ticket::{Act, Actor, Link, LinkKind, Message, Presence, Ticket, Visibility};

use super::Settings;
use super::mime;
use super::webhook::{is_mail_record, time};
use super::wire::{CustomFieldJson, DefinitionJson, PartJson, QueueJson, Ref, TicketJson, TransactionJson, UserJson};

/// RT's word for *no date*.
pub const NO_DATE: &str = "1970-01-01T00:00:00Z";
/// The user that owns what nobody owns.
pub const NOBODY: &str = "Nobody";
/// The user as whom RT's scrips act.
const RULES: &str = "RT_System";

/// Queues and ticket custom fields by RT's numbers.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    pub queues: BTreeMap<String, QueueJson>,
    pub fields: BTreeMap<String, DefinitionJson>,
}

impl Layout {
    /// Whether everything that this ticket names is known here.
    pub fn covers(&self, ticket: &TicketJson) -> bool {
        self.queues.contains_key(&ticket.queue.id.0) && ticket.custom_fields.iter().all(|cf| self.fields.contains_key(&cf.id.0))
    }

    /// A ticket custom field by name.
    pub fn field(&self, name: &str) -> Option<&DefinitionJson> {
        self.fields.values().find(|field| field.name == name)
    }
}

impl DefinitionJson {
    /// Takes more than one value.
    pub fn is_multiple(&self) -> bool {
        self.max_values.0 != "1"
    }

    /// Holds files, which Tidegate does not carry.
    pub fn is_binary(&self) -> bool {
        matches!(self.kind.as_str(), "Image" | "Binary")
    }
}

/// What the calls of one read brought.
#[derive(Debug, Clone)]
pub struct Material {
    pub ticket: TicketJson,
    /// The last transaction's id, from the `ETag`.
    pub stamp: String,
    pub history: Vec<TransactionJson>,
    pub parts: Vec<PartJson>,
    /// Texts of body parts by part id.
    pub texts: BTreeMap<String, String>,
}

/// The ticket that was asked for as `asked`. Errors: `Unreadable` when a time cannot be read.
pub fn ticket(asked: &TicketId, material: &Material, layout: &Layout, settings: &Settings) -> Result<Ticket, Fault> {
    let json = &material.ticket;
    let presence = presence(asked, json);
    let here = presence == Presence::Present;
    let last_real = material.history.iter().rev().find(|transaction| !is_mail_record(&transaction.kind));
    Ok(Ticket {
        id: asked.clone(),
        stamp: material.stamp.clone(),
        feed_stamp: last_real.map(|transaction| format!("txn:{}", transaction.id.0)),
        created_at: moment(&json.created)?,
        updated_at: moment(&json.last_updated)?,
        url: settings.page_of(asked),
        fields: if here { fields(json, layout, settings) } else { Fields::new() },
        messages: if here { messages(material, settings)? } else { Vec::new() },
        links: if here { links(json) } else { BTreeSet::new() },
        key: first_text(&json.custom_fields, &settings.key_field),
        people: Vec::new(),
        acts: acts(&material.history, layout, settings)?,
        immutable: false,
        presence,
    })
}

fn presence(asked: &TicketId, json: &TicketJson) -> Presence {
    if json.id.0 != asked.as_str() {
        return Presence::MergedInto(TicketId::new(&json.id.0));
    }
    if json.status == "deleted" { Presence::Deleted } else { Presence::Present }
}

/// A time that has to be there.
pub fn moment(text: &str) -> Result<DateTime<Utc>, Fault> {
    time(text).ok_or_else(|| Fault::unreadable(format!("read ticket: `{text}` is no time")))
}

/// The first value of a custom field by name.
pub fn first_text(fields: &[CustomFieldJson], name: &str) -> Option<String> {
    let field = fields.iter().find(|field| field.name == name)?;
    field.texts().first().filter(|text| !text.is_empty()).map(|text| (*text).to_string())
}

/// All fields that RT told about.
pub fn fields(json: &TicketJson, layout: &Layout, settings: &Settings) -> Fields {
    let mut fields = Fields::from([
        (FieldKey::Subject, Value::text(json.subject.clone().unwrap_or_default())),
        (FieldKey::Status, Value::text(&json.status)),
        (FieldKey::Priority, Value::text(&json.priority.0)),
        (FieldKey::Assignee, assignee(&json.owner)),
        (FieldKey::Requester, users(&json.requestor).next().map_or(Value::Empty, Value::Person)),
        (FieldKey::Cc, Value::people(users(&json.requestor).skip(1).chain(users(&json.cc)))),
        (FieldKey::Followers, Value::people(users(&json.admin_cc))),
        (FieldKey::Due, date(&json.due)),
    ]);
    if let Some(queue) = layout.queues.get(&json.queue.id.0) {
        fields.insert(FieldKey::Group, Value::text(&queue.name));
    }
    fields.extend(json.custom_fields.iter().filter_map(|field| custom(field, layout, settings)));
    fields
}

fn assignee(owner: &Ref) -> Value {
    if owner.id.0 == NOBODY { Value::Empty } else { Value::Person(PersonId::new(&owner.id.0)) }
}

/// The users among watchers; groups can watch too, but are no persons.
pub fn users(watchers: &[Ref]) -> impl Iterator<Item = PersonId> {
    watchers.iter().filter(|watcher| watcher.kind == "user").map(|watcher| PersonId::new(&watcher.id.0))
}

fn date(text: &str) -> Value {
    if text == NO_DATE { Value::Empty } else { Value::text(text) }
}

/// A custom field that people use; keys and numbers of ours are not shown as fields, nor are fields of an unknown kind.
fn custom(field: &CustomFieldJson, layout: &Layout, settings: &Settings) -> Option<(FieldKey, Value)> {
    let definition = layout.fields.get(&field.id.0)?;
    if settings.is_own_field(&field.name) || definition.is_binary() {
        return None;
    }
    if settings.tags_field.as_deref() == Some(field.name.as_str()) {
        let mirrored = settings.mirrored_tag.as_deref();
        let tags = field.texts().into_iter().filter(|tag| Some(*tag) != mirrored);
        return Some((FieldKey::Tags, Value::set(tags)));
    }
    let value = if definition.is_multiple() {
        Value::set(field.texts())
    } else {
        date(field.texts().first().copied().unwrap_or_default())
    };
    Some((FieldKey::custom(&field.name), value))
}

/// The links that start at this ticket. Links to pages outside of RT have no ticket to point to and are left out.
pub fn links(json: &TicketJson) -> BTreeSet<Link> {
    let link = |hyperlink: &super::wire::LinkJson| {
        let kind = match hyperlink.relation.as_str() {
            "parent" => LinkKind::Parent,
            "depends-on" => LinkKind::DependsOn,
            "refers-to" => LinkKind::RefersTo,
            _ => return None,
        };
        let to = hyperlink.id.as_ref().filter(|_| hyperlink.kind == "ticket")?;
        Some(Link { kind, to: TicketId::new(&to.0) })
    };
    json.hyperlinks.iter().filter_map(link).collect()
}

/// Whether a transaction is a message.
pub fn is_message(transaction: &TransactionJson) -> bool {
    matches!(transaction.kind.as_str(), "Create" | "Correspond" | "Comment")
}

fn messages(material: &Material, settings: &Settings) -> Result<Vec<Message>, Fault> {
    let mut parts: BTreeMap<&str, Vec<&PartJson>> = BTreeMap::new();
    for part in &material.parts {
        parts.entry(part.transaction_id.0.as_str()).or_default().push(part);
    }
    let mut messages = Vec::new();
    for transaction in material.history.iter().filter(|transaction| is_message(transaction)) {
        let parts = parts.remove(transaction.id.0.as_str()).unwrap_or_default();
        let key = first_text(&transaction.custom_fields, &settings.message_key_field);
        if transaction.kind == "Create" && parts.is_empty() && key.is_none() {
            continue;
        }
        let (body, attachments) = mime::assemble(&parts, &material.texts);
        messages.push(Message {
            id: MessageId::new(&transaction.id.0),
            author: PersonId::new(&transaction.creator.id.0),
            visibility: if transaction.kind == "Comment" { Visibility::Internal } else { Visibility::Public },
            created_at: moment(&transaction.created)?,
            body,
            attachments,
            key,
            ours: transaction.creator.id.0 == settings.user,
        });
    }
    Ok(messages)
}

fn acts(history: &[TransactionJson], layout: &Layout, settings: &Settings) -> Result<Vec<Act>, Fault> {
    let act = |transaction: &TransactionJson| {
        Ok(Act {
            id: transaction.id.0.clone(),
            actor: PersonId::new(&transaction.creator.id.0),
            by: actor(&transaction.creator.id.0, &settings.user),
            at: moment(&transaction.created)?,
            fields: touched(transaction, layout, settings),
            status: status_left(transaction),
        })
    };
    history.iter().filter(|transaction| !is_mail_record(&transaction.kind)).map(act).collect()
}

/// Whose hand a user's is; `own` is ours.
pub fn actor(name: &str, own: &str) -> Actor {
    match name {
        RULES => Actor::Rule,
        name if name == own => Actor::Us,
        _ => Actor::Person,
    }
}

/// Which fields a transaction changed.
fn touched(transaction: &TransactionJson, layout: &Layout, settings: &Settings) -> BTreeSet<FieldKey> {
    let people = match transaction.field.0.as_str() {
        "Requestor" => vec![FieldKey::Requester, FieldKey::Cc],
        "Cc" => vec![FieldKey::Cc],
        "AdminCc" => vec![FieldKey::Followers],
        _ => Vec::new(),
    };
    let keys = match transaction.kind.as_str() {
        "Status" => vec![FieldKey::Status],
        "Take" | "Give" | "Steal" | "Untake" | "Force" => vec![FieldKey::Assignee],
        "AddWatcher" | "DelWatcher" => people,
        // Whoever was in copy of the ticket that was merged is added, and no transaction of its own tells of that.
        "AddLink" if transaction.field.0 == "MergedInto" => vec![FieldKey::Cc, FieldKey::Followers],
        "CustomField" => custom_key(&transaction.field.0, layout, settings).into_iter().collect(),
        "Set" | "SetWatcher" => plain_key(&transaction.field.0).into_iter().collect(),
        _ => Vec::new(),
    };
    keys.into_iter().collect()
}

/// The status that a transaction left.
fn status_left(transaction: &TransactionJson) -> Option<String> {
    let is_it = transaction.kind == "Status" || (transaction.kind == "Set" && transaction.field.0 == "Status");
    Some(transaction.new_value.0.clone()).filter(|word| is_it && !word.is_empty())
}

fn plain_key(field: &str) -> Option<FieldKey> {
    match field {
        "Subject" => Some(FieldKey::Subject),
        "Status" => Some(FieldKey::Status),
        "Priority" => Some(FieldKey::Priority),
        "Queue" => Some(FieldKey::Group),
        "Due" => Some(FieldKey::Due),
        "Owner" => Some(FieldKey::Assignee),
        _ => None,
    }
}

fn custom_key(id: &str, layout: &Layout, settings: &Settings) -> Option<FieldKey> {
    let name = &layout.fields.get(id)?.name;
    if settings.is_own_field(name) {
        return None;
    }
    if settings.tags_field.as_ref() == Some(name) { Some(FieldKey::Tags) } else { Some(FieldKey::custom(name)) }
}

/// A user. Only privileged users work in RT; the others are customers.
pub fn person(id: &str, json: &UserJson) -> Person {
    let name = [&json.real_name, &json.name].into_iter().find(|name| !name.is_empty());
    Person {
        id: PersonId::new(id),
        name: name.map_or_else(|| id.to_string(), Clone::clone),
        email: Some(json.email_address.clone()).filter(|email| !email.is_empty()),
        role: if json.privileged.0 == "1" { Role::Agent } else { Role::Customer },
        active: json.disabled.0 != "1",
    }
}
