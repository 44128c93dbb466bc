//! What the ids of an account mean: groups, brands, forms, statuses, ticket fields, and who we are. Kept in memory, loaded
//! when first needed and again when an unknown id or name is met, at most once a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::clock::Monotonic;
use crate::connectors::contract::Identity;
use crate::connectors::fault::Fault;
use crate::connectors::http::Call;
use crate::desk::field::FieldKey;
use crate::desk::id::PersonId;
use crate::desk::schema::{FieldKind, FieldSchema, Schema};

use super::Zendesk;
use super::api::general;
use super::fields::STATUSES;
use super::read::desk_time;
use super::wire::{CustomStatus, FieldValue, Id, Named, Ticket, TicketField, User};

/// The names of an account.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Directory {
    /// Our own user.
    pub me: Option<Id>,
    pub groups: BTreeMap<Id, String>,
    pub brands: BTreeMap<Id, String>,
    pub forms: BTreeMap<Id, String>,
    pub statuses: Vec<Status>,
    pub fields: Vec<Field>,
    /// The ids of all ticket fields, also of those that are not carried: an id that is not here is new.
    pub field_ids: BTreeSet<Id>,
}

/// A status that agents choose. The default one of a category is written as the category's word.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    pub id: Id,
    pub label: String,
    pub category: String,
    pub default: bool,
    /// Whether agents may still choose it; a ticket may have one that they may not.
    pub active: bool,
}

/// A custom ticket field.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub id: Id,
    /// The title; where several fields have the same one, with the id in square brackets after it.
    pub name: String,
    pub kind: FieldKind,
    /// The tags of a drop-down or multi-select field.
    pub options: BTreeSet<String>,
    /// The tag that a check box sets.
    pub tag: Option<String>,
    pub required: bool,
}

/// Kinds of custom fields as documented by Zendesk. Other kinds are system fields, which are carried on their own.
const KINDS: [(&str, FieldKind); 11] = [
    ("text", FieldKind::Text),
    ("textarea", FieldKind::LongText),
    ("tagger", FieldKind::Choice),
    ("multiselect", FieldKind::MultiChoice),
    ("checkbox", FieldKind::Checkbox),
    ("date", FieldKind::Date),
    ("integer", FieldKind::Integer),
    ("decimal", FieldKind::Decimal),
    ("regexp", FieldKind::Text),
    ("lookup", FieldKind::Reference),
    ("partialcreditcard", FieldKind::Text),
];

impl Directory {
    /// Puts the lists of an account together.
    pub fn new(me: Option<Id>, names: [Vec<Named>; 3], statuses: Vec<CustomStatus>, fields: Vec<TicketField>) -> Self {
        let [groups, brands, forms] = names.map(|list| list.into_iter().map(|named| (named.id, named.name)).collect());
        let statuses = statuses.into_iter().map(|status| Status {
            id: status.id,
            label: status.agent_label,
            category: status.status_category,
            default: status.default,
            active: status.active,
        });
        let field_ids = fields.iter().map(|field| field.id.clone()).collect();
        Self { me, groups, brands, forms, statuses: statuses.collect(), fields: custom_fields(fields), field_ids }
    }

    /// The custom field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Every tag that stands for a field's value, and so is no tag of its own.
    pub fn is_option(&self, tag: &str) -> bool {
        self.fields.iter().any(|field| field.options.contains(tag) || field.tag.as_deref() == Some(tag))
    }

    /// Whether every id and option of a ticket means something to us.
    pub fn knows(&self, ticket: &Ticket) -> bool {
        let named = |key: &str, names: &BTreeMap<Id, String>| ticket.id_at(key).is_none_or(|id| names.contains_key(&id));
        let status = ticket.id_at("custom_status_id");
        let status = status.is_none_or(|id| self.statuses.is_empty() || self.statuses.iter().any(|status| status.id == id));
        let option = |value: &FieldValue| {
            let field = self.fields.iter().find(|field| field.id == value.id).filter(|field| field.has_options());
            field.is_none_or(|field| field.words_of(&value.value).all(|word| field.options.contains(&word)))
        };
        let mut values = ticket.custom_fields.iter().flatten();
        status
            && named("group_id", &self.groups)
            && named("brand_id", &self.brands)
            && named("ticket_form_id", &self.forms)
            && values.all(|value| self.field_ids.contains(&value.id) && option(value))
    }

    /// The word for a status: the category's for its default status (`open`), else the label that agents see.
    pub fn status_word(&self, category: &str, custom: Option<&Id>) -> String {
        let custom = self.statuses.iter().find(|status| Some(&status.id) == custom);
        match custom.filter(|status| !status.default && status.category == category) {
            Some(status) => status.label.clone(),
            None => category.to_string(),
        }
    }
}

impl Field {
    /// Whether its values are tags of the ticket too.
    pub fn has_options(&self) -> bool {
        matches!(self.kind, FieldKind::Choice | FieldKind::MultiChoice)
    }

    /// The words of a value as Zendesk sends it.
    pub fn words_of(&self, value: &Json) -> impl Iterator<Item = String> {
        let value = super::fields::decode_custom(self.kind, value);
        value.words().into_iter().map(str::to_string).collect::<Vec<_>>().into_iter()
    }
}

fn custom_fields(fields: Vec<TicketField>) -> Vec<Field> {
    let custom: Vec<(TicketField, FieldKind)> = fields
        .into_iter()
        .filter(|field| field.active)
        .filter_map(|field| {
            let kind = KINDS.iter().find(|(word, _)| *word == field.kind)?.1;
            Some((field, kind))
        })
        .collect();
    let mut titles: BTreeMap<String, usize> = BTreeMap::new();
    for (field, _) in &custom {
        *titles.entry(field.title.clone()).or_default() += 1;
    }
    let named = custom.into_iter().map(|(field, kind)| Field {
        name: if titles[&field.title] > 1 { format!("{} [{}]", field.title, field.id) } else { field.title },
        kind,
        options: field.custom_field_options.into_iter().map(|option| option.value).collect(),
        tag: field.tag.filter(|tag| !tag.is_empty()),
        required: field.required,
        id: field.id,
    });
    named.collect()
}

/// The directory and when it was loaded.
#[derive(Debug, Default)]
pub struct Cache {
    loaded: Option<(Arc<Directory>, Monotonic)>,
}

const RELOAD_AFTER: Duration = Duration::from_secs(60);
const LOAD: Call = general("read the account's fields and groups");
const ME: Call = general("read our own user");
const ORGANISATION: Call = general("read organisation");

impl Zendesk {
    /// The directory, from memory if it was loaded before.
    pub(super) async fn directory(&self) -> Result<Arc<Directory>, Fault> {
        let mut cache = self.directory.lock().await;
        if let Some((directory, _)) = &cache.loaded {
            return Ok(directory.clone());
        }
        let directory = Arc::new(self.load_directory().await?);
        cache.loaded = Some((directory.clone(), Monotonic::now()));
        Ok(directory)
    }

    /// The directory, loaded again if that was more than a minute ago: something unknown was met.
    pub(super) async fn newer_directory(&self) -> Result<Arc<Directory>, Fault> {
        let mut cache = self.directory.lock().await;
        if let Some((directory, at)) = &cache.loaded
            && at.elapsed() < RELOAD_AFTER
        {
            return Ok(directory.clone());
        }
        let directory = Arc::new(self.load_directory().await?);
        cache.loaded = Some((directory.clone(), Monotonic::now()));
        Ok(directory)
    }

    /// Six calls. Brands, forms and custom statuses are not in every plan; there a 403 or 404 means *none*.
    async fn load_directory(&self) -> Result<Directory, Fault> {
        let (me, _) = self.me().await?;
        let groups = self.pages(LOAD, "groups", &[], "groups").await?;
        let brands = self.pages_if_any(LOAD, "brands", &[], "brands").await?;
        let forms = self.whole_list_if_any(LOAD, "ticket_forms", "ticket_forms").await?;
        let statuses = self.whole_list_if_any(LOAD, "custom_statuses", "custom_statuses").await?;
        let fields = self.pages(LOAD, "ticket_fields", &[], "ticket_fields").await?;
        Ok(Directory::new(me.id, [groups, brands, forms], statuses, fields))
    }

    /// Our own user and the desk's clock. Errors: `Unauthorised` when the credential is nobody's (Zendesk then answers 200
    /// with an anonymous user).
    async fn me(&self) -> Result<(User, Option<DateTime<Utc>>), Fault> {
        #[derive(Deserialize)]
        struct Me {
            user: User,
        }
        let answer = self.send(ME, Method::GET, self.url("users/me", &[]), None, &[]).await?;
        let me: Me = answer.json(ME)?;
        match me.user.id {
            Some(_) => Ok((me.user, desk_time(&answer))),
            None => Err(Fault::unauthorised(format!("{}: the desk does not know this credential", ME.kind))),
        }
    }

    /// Who we are. Errors: `Unauthorised` also when we are no admin, because the export and the import are for admins only.
    pub(super) async fn who_we_are(&self) -> Result<Identity, Fault> {
        let (me, desk_time) = self.me().await?;
        if me.role != "admin" {
            return Err(Fault::unauthorised(format!(
                "the credential is of a user with role `{}`; Zendesk lets only admins export and import tickets",
                me.role
            )));
        }
        let person = me.id.map(PersonId::new).expect("a user without id was refused above");
        Ok(Identity { person, name: me.name, desk_time })
    }

    /// Names of organisations by id: there may be many, so they are read when met and kept.
    pub(super) async fn organisation_of(&self, id: &Id) -> Result<Option<String>, Fault> {
        if let Some(name) = self.organisations().get(id) {
            return Ok(Some(name.clone()));
        }
        let found: Vec<Named> =
            self.list_at(ORGANISATION, "organizations/show_many", &[("ids", id.as_str())], "organizations").await?;
        self.remember_organisations(&found);
        Ok(found.into_iter().find(|named| &named.id == id).map(|named| named.name))
    }

    /// The organisation of exactly this name.
    pub(super) async fn organisation_named(&self, name: &str) -> Result<Option<Id>, Fault> {
        let known = self.organisations().iter().find(|(_, known)| *known == name).map(|(id, _)| id.clone());
        if known.is_some() {
            return Ok(known);
        }
        let found: Vec<Named> = self.list_at(ORGANISATION, "organizations/search", &[("name", name)], "organizations").await?;
        self.remember_organisations(&found);
        Ok(found.into_iter().find(|named| named.name == name).map(|named| named.id))
    }

    fn organisations(&self) -> std::sync::MutexGuard<'_, BTreeMap<Id, String>> {
        self.organisations.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Keeps names that came along with another answer.
    pub(super) fn remember_organisations(&self, found: &[Named]) {
        self.organisations().extend(found.iter().map(|named| (named.id.clone(), named.name.clone())));
    }
}

impl Directory {
    /// The fields and their values.
    pub fn schema(&self) -> Schema {
        let names = |names: &BTreeMap<Id, String>| Some(names.values().cloned().collect::<BTreeSet<String>>());
        let words = |words: &[&str]| Some(words.iter().map(|word| word.to_string()).collect::<BTreeSet<String>>());
        let labels = self.statuses.iter().filter(|status| status.active && !status.default).map(|status| status.label.clone());
        let statuses = STATUSES.iter().map(|word| word.to_string()).chain(labels).collect();
        let plain = [
            (FieldKey::Subject, FieldKind::Text, None),
            (FieldKey::Status, FieldKind::Choice, Some(statuses)),
            (FieldKey::Priority, FieldKind::Choice, words(&["low", "normal", "high", "urgent"])),
            (FieldKey::Type, FieldKind::Choice, words(&["problem", "incident", "question", "task"])),
            (FieldKey::Group, FieldKind::Choice, names(&self.groups)),
            (FieldKey::Brand, FieldKind::Choice, names(&self.brands)),
            (FieldKey::Form, FieldKind::Choice, names(&self.forms)),
            (FieldKey::Assignee, FieldKind::Person, None),
            (FieldKey::Requester, FieldKind::Person, None),
            (FieldKey::Organisation, FieldKind::Text, None),
            (FieldKey::Cc, FieldKind::People, None),
            (FieldKey::Followers, FieldKind::People, None),
            (FieldKey::Tags, FieldKind::Words, None),
            (FieldKey::Due, FieldKind::DateTime, None),
        ];
        let plain = plain.map(|(key, kind, options)| (key, FieldSchema { kind, options, required: false }));
        let custom = self.fields.iter().map(|field| {
            let options = matches!(field.kind, FieldKind::Choice | FieldKind::MultiChoice).then(|| field.options.clone());
            (FieldKey::custom(&field.name), FieldSchema { kind: field.kind, options, required: field.required })
        });
        Schema { fields: plain.into_iter().chain(custom).collect() }
    }
}
