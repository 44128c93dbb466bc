//! Zendesk Support, as source and as target.
//!
//! * `webhook` reads deliveries, `translate`, `fields` and `html` turn JSON into neutral words and back: pure.
//! * `api` and `auth` make calls; `directory` knows what ids mean; `read`, `feed`, `files`, `people`, `hooks`, `notices` read and
//!   look up; `create`, `apply`, `restrict` and `silence` write, some of it by `jobs`.
//!
//! What Zendesk means for the contract:
//! * Strong stamp: the id of the newest audit. `updated_at` stands still when the system changes something, and has whole
//!   seconds.
//! * Our key of a ticket is its `external_id`, or a custom field where a customer uses `external_id` already; of a message it is
//!   in the metadata of the audit that made it (`metadata.custom.tidegate`). Messages that came with an import have none.
//! * Silence: imports run no triggers; every later write does, so it carries a tag that the account's triggers exclude. It is
//!   proven to be on the ticket by compare-and-set, or sent again in the same write.
//! * Compare-and-set is by `updated_at`. A stamp that a decision was made on is compared with the newest audit right before,
//!   so that only a change within the same second as the one before it can slip through.
//! * Closed tickets cannot be changed at all, except that comments can be redacted.

pub mod api;
mod apply;
pub mod auth;
mod by_hand;
mod create;
pub mod directory;
mod due;
pub mod feed;
pub mod fields;
mod files;
mod hooks;
pub mod html;
mod jobs;
mod notices;
mod people;
mod read;
mod restrict;
mod silence;
mod survey;
pub mod translate;
pub mod webhook;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use url::Url;

use crate::change::{ChangePage, Cursor, Hint, ListPage};
use crate::desk::Side;
use crate::desk::capability::{BackDates, Capabilities, Change, CreateTakes, Feed, Seen, SetsAuthor, Webhooks};
use crate::desk::field::FieldKey;
use crate::desk::id::{MessageId, PersonId, TicketId};
use crate::desk::notice::Notices;
use crate::desk::person::{NewPerson, Person, Removal};
use crate::desk::schema::Schema;
use crate::desk::survey::{Rules, Survey, Told};
use crate::desk::ticket::{Attachment, Due, LinkKind};
use crate::desk::write::{Outcome, Staged, Write};
use crate::secret::Secret;

use super::contract::{
    Desk, Download, Identity, KeyedPage, Read, Registration, SourceDesk, Steps, StillSilent, TargetDesk, Upload,
};
use super::delivery::{Scheme, Verified};
use super::fault::Fault;
use super::http::Http;

use auth::{Auth, Token};
use wire::Id;

/// One account and how one mirror uses it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://<subdomain>.zendesk.com`.
    pub base: Url,
    pub auth: Auth,
    /// The tag that the account's triggers and automations exclude.
    pub silent_tag: String,
    /// The tag of every mirrored ticket, for views: `tidegate`.
    pub ticket_tag: String,
    /// Where our key of a ticket is kept.
    pub key_field: KeyField,
    /// The text field that tells people the other desk's number of a ticket; a tag does where there is none.
    pub number_field: Option<String>,
    /// The mirror's name, written as the mark of our updates.
    pub mirror: String,
}

/// What stands between the tag of every mirrored ticket and its number in the other desk.
const NUMBER_TAG: &str = "_old_";

/// Where our key of a ticket is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyField {
    ExternalId,
    /// A text field of this title; looked up by search, which lags.
    Custom(String),
}

impl Settings {
    /// The two tags that we set ourselves.
    pub fn own_tags(&self) -> impl Iterator<Item = &str> {
        [self.silent_tag.as_str(), self.ticket_tag.as_str()].into_iter().filter(|tag| !tag.is_empty())
    }

    /// The custom fields that hold what is ours.
    pub fn own_fields(&self) -> impl Iterator<Item = &str> {
        let key = match &self.key_field {
            KeyField::Custom(name) => Some(name.as_str()),
            KeyField::ExternalId => None,
        };
        key.into_iter().chain(self.number_field.as_deref())
    }

    /// The tag by which agents find a ticket by its number in the other desk: `tidegate_old_4711`.
    pub fn number_tag(&self, number: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        format!("{}{NUMBER_TAG}{}", self.ticket_tag, number.chars().map(plain).collect::<String>())
    }

    /// Whether a tag is one that we set ourselves.
    pub fn is_own_tag(&self, tag: &str) -> bool {
        self.own_tags().any(|own| own == tag) || self.is_number_tag(tag)
    }

    /// Whether a tag tells a number in the other desk.
    pub fn is_number_tag(&self, tag: &str) -> bool {
        !self.ticket_tag.is_empty() && tag.strip_prefix(&self.ticket_tag).is_some_and(|rest| rest.starts_with(NUMBER_TAG))
    }

    /// Scheme, host and port.
    pub fn address(&self) -> String {
        self.base.origin().ascii_serialization()
    }
}

/// The connector.
pub struct Zendesk {
    settings: Settings,
    address: String,
    http: Http,
    token: tokio::sync::Mutex<Option<Token>>,
    directory: tokio::sync::Mutex<directory::Cache>,
    organisations: Mutex<BTreeMap<Id, String>>,
    deleted: Mutex<HashMap<TicketId, wire::Ticket>>,
}

impl Zendesk {
    /// Makes no call.
    pub fn new(settings: Settings, http: Http) -> Self {
        Self {
            address: settings.address(),
            settings,
            http,
            token: Default::default(),
            directory: Default::default(),
            organisations: Default::default(),
            deleted: Default::default(),
        }
    }
}

/// What Zendesk can and cannot do.
pub const CAPABILITIES: Capabilities = Capabilities {
    vendor: "zendesk",
    name: "Zendesk Support",
    webhooks: Webhooks::ByApi,
    feed: Feed {
        what: "cursor export of tickets, with archived and deleted ones; 10 calls a minute",
        withheld_seconds: 60,
        overlap_seconds: 0,
        sees_deletions: true,
        sees_merges: true,
        least_interval_seconds: 6,
    },
    // Its export shows a ticket again when the ticket itself was updated. Nothing says that it does so for a redaction or a message
    // made private, which have events of their own.
    seen: &[
        (Change::Field, Seen::Both),
        (Change::Tags, Seen::Both),
        (Change::People, Seen::Both),
        (Change::Message, Seen::Both),
        (Change::Link, Seen::Both),
        (Change::Merge, Seen::Both),
        (Change::Deletion, Seen::Both),
        (Change::Undeletion, Seen::Both),
        (Change::Redaction, Seen::Webhook),
        (Change::MadePrivate, Seen::Webhook),
        (Change::FileRemoved, Seen::Webhook),
        (Change::FileScanned, Seen::Sweep),
        (Change::PersonItself, Seen::Sweep),
        (Change::BehindTheDesk, Seen::Sweep),
    ],
    back_dates: BackDates::OnCreate,
    sets_author: SetsAuthor::Always,
    create_takes: CreateTakes::AllMessages,
    message_keys: true,
    keys_on_create: false,
    // Zendesk states none for the list by external id and the audits; lagging copies are a matter of seconds.
    lookup_lag_seconds: 10,
    compare_and_set: true,
    makes_private: true,
    redacts: true,
    removes_attachments: true,
    links: &[LinkKind::Parent],
    parent_type: Some("problem"),
    child_type: Some("incident"),
    merges: true,
    deletes: true,
    immutable_status: Some("closed"),
    statuses_at_creation: &[],
    final_statuses: &["solved", "closed"],
    attachment_limit: files::FILE_LIMIT,
    // "Size is not included in the list (1..1073741824)": RecordInvalid.
    counts_tickets: true,
    refuses_empty_files: true,
    file_paths: &["/attachments/", "/article_attachments/"],
    recodes: &[],
    subject_limit: 150,
    plain_tags: true,
    agent_page: "/agent/tickets/{ticket}",
    silence: "imports run no triggers; every later write carries a tag that the account's triggers and automations have to exclude",
    silence_stays: true,
    residue: "deleted tickets are in the list of deleted tickets for 30 days, where an admin can restore them, and their numbers are not \
              given again; a removed customer leaves a row that is not active; tags and organisations are left as they are",
    fields: &[
        "subject",
        "status",
        "priority",
        "type",
        "group",
        "brand",
        "form",
        "assignee",
        "requester",
        "organisation",
        "cc",
        "followers",
        "tags",
        "due",
    ],
    rights_by_group: false,
    own_mail_domain: "zendesk.com",
    begins: by_hand::BEGINS,
    ends: by_hand::ENDS,
};

/// The same, where our key is in a custom field: Zendesk's search finds a new ticket only after some minutes.
pub const CAPABILITIES_BY_SEARCH: Capabilities = Capabilities { lookup_lag_seconds: 300, ..CAPABILITIES };

#[async_trait]
impl Desk for Zendesk {
    fn capabilities(&self) -> &'static Capabilities {
        match self.settings.key_field {
            KeyField::ExternalId => &CAPABILITIES,
            KeyField::Custom(_) => &CAPABILITIES_BY_SEARCH,
        }
    }

    fn address(&self) -> &str {
        &self.address
    }

    async fn identify(&self) -> Result<Identity, Fault> {
        self.who_we_are().await
    }

    async fn schema(&self) -> Result<Schema, Fault> {
        let directory = self.directory().await?;
        let mut schema = directory.schema();
        for name in self.settings.own_fields() {
            schema.fields.remove(&FieldKey::custom(name));
        }
        Ok(schema)
    }

    async fn read(&self, ticket: &TicketId, since: Option<&str>) -> Result<Read, Fault> {
        self.read_ticket(ticket, since).await
    }

    async fn person(&self, id: &PersonId) -> Result<Option<Person>, Fault> {
        self.read_person(id).await
    }

    async fn agents(&self) -> Result<Vec<Person>, Fault> {
        self.staff().await
    }

    async fn download(&self, attachment: &Attachment) -> Result<Download, Fault> {
        self.fetch(attachment).await
    }

    async fn survey(&self, side: Side) -> Result<Survey, Fault> {
        self.survey_account(side).await
    }

    async fn addresses(&self) -> Result<Told<BTreeSet<String>>, Fault> {
        self.support_addresses().await
    }

    async fn held_mail(&self) -> Result<Told<u64>, Fault> {
        self.suspended_tickets().await
    }

    async fn due(&self, tickets: &[TicketId]) -> Result<Told<Vec<Due>>, Fault> {
        self.due_of(tickets).await
    }
}

#[async_trait]
impl SourceDesk for Zendesk {
    fn scheme(&self) -> Option<&'static Scheme> {
        Some(&webhook::SCHEME)
    }

    fn hints(&self, delivery: &Verified) -> Result<Vec<Hint>, String> {
        webhook::hints(delivery)
    }

    fn delivery_id(&self, delivery: &Verified) -> Option<String> {
        webhook::delivery_id(delivery)
    }

    fn cursor_at(&self, at: DateTime<Utc>) -> Cursor {
        feed::cursor_at(at)
    }

    async fn changes(&self, cursor: &Cursor, now: DateTime<Utc>) -> Result<ChangePage, Fault> {
        self.changes_after(cursor, now).await
    }

    async fn list(&self, cursor: Option<&Cursor>) -> Result<ListPage, Fault> {
        self.list_after(cursor).await
    }

    async fn shown(&self, tickets: &[TicketId]) -> Result<Vec<TicketId>, Fault> {
        self.shown_of(tickets).await
    }

    async fn register_webhook(&self, name: &str, url: &str) -> Result<Registration, Fault> {
        self.register(name, url).await
    }

    async fn webhook_secret(&self, id: &str) -> Result<Secret, Fault> {
        self.signing_secret(id).await
    }

    async fn reset_webhook_secret(&self, id: &str) -> Result<Secret, Fault> {
        self.reset_secret(id).await
    }

    async fn test_webhook(&self, id: &str, url: &str) -> Result<bool, Fault> {
        self.send_test(id, url).await?;
        Ok(true)
    }

    fn webhook_steps(&self) -> &'static Steps {
        &webhook::STEPS
    }

    async fn remove_webhook(&self, id: &str) -> Result<(), Fault> {
        self.unregister(id).await
    }
}

#[async_trait]
impl TargetDesk for Zendesk {
    async fn find_ticket(&self, key: &str) -> Result<Vec<TicketId>, Fault> {
        self.tickets_with_key(key).await
    }

    async fn keyed(&self, prefix: &str, since: DateTime<Utc>, cursor: Option<&Cursor>) -> Result<KeyedPage, Fault> {
        self.keyed_after(prefix, since, cursor).await
    }

    async fn find_message(&self, ticket: &TicketId, key: &str) -> Result<Vec<MessageId>, Fault> {
        self.messages_with_key(ticket, key).await
    }

    async fn find_person(&self, email: Option<&str>, key: &str) -> Result<Vec<Person>, Fault> {
        self.people_with(email, key).await
    }

    async fn rules(&self) -> Result<Rules, Fault> {
        self.account_rules().await
    }

    async fn has_organisation(&self, name: &str) -> Result<bool, Fault> {
        Ok(self.organisation_named(name).await?.is_some())
    }

    async fn end_silence(&self, ticket: &TicketId) -> Result<(), Fault> {
        self.unsilence(ticket).await.map_err(api::about(format_args!("ticket {ticket}")))
    }

    async fn end_silences(&self, tickets: &[TicketId]) -> Result<Vec<StillSilent>, Fault> {
        self.unsilence_many(tickets).await
    }

    async fn create_person(&self, person: &NewPerson) -> Result<Person, Fault> {
        self.make_person(person).await
    }

    async fn remove_person(&self, id: &PersonId, key: &str) -> Result<Removal, Fault> {
        self.unmake_person(id, key).await
    }

    async fn stage(&self, upload: Upload) -> Result<Staged, Fault> {
        self.upload(upload).await
    }

    async fn apply(&self, write: &Write) -> Result<Outcome, Fault> {
        self.perform(write).await
    }

    /// The audits of a ticket list every notification that a business rule sent.
    async fn hides_notices(&self) -> Result<Option<String>, Fault> {
        Ok(None)
    }

    async fn notices(&self, ticket: &TicketId, since: DateTime<Utc>) -> Result<Notices, Fault> {
        self.notices_of(ticket, since).await
    }
}
