//! Request Tracker 5 (REST2), as source and as target.
//!
//! What is said here about RT was seen on RT 5.0.3 (Debian), `GET /REST/2.0/…` with a user's auth token. An admin installs
//! `deploy/request-tracker` first: the webhook's scrip, the fields for our keys, and silence for our user.
//!
//! * A correspondence opens a resolved ticket again (a stock scrip): the status is set after the messages.
//! * RT cannot change or take back what was written: no restriction is possible.
//! * Files are handed out as base64 inside JSON only, and `text/plain` and `text/html` files are re-coded to UTF-8.
//! * Custom fields that hold files (Image, Binary) are not carried.

pub mod api;
pub mod apply;
mod by_hand;
pub mod compose;
mod due;
pub mod feed;
pub mod lookup;
pub mod mime;
pub mod notices;
pub mod people;
pub mod read;
pub mod schema;
mod survey;
pub mod translate;
pub mod webhook;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::{OnceCell, RwLock};
use url::Url;

use crate::change::{ChangePage, Cursor, Hint, ListPage};
use crate::clock::delta;
use crate::connectors::contract::{
    Desk, Download, Identity, KeyedPage, Read, Registration, SourceDesk, Steps, TargetDesk, Upload,
};
use crate::connectors::delivery::{Scheme, Verified};
use crate::connectors::fault::Fault;
use crate::connectors::http::Http;
use crate::desk::Side;
use crate::desk::capability::{BackDates, Capabilities, Change, CreateTakes, Feed, Seen, SetsAuthor, Webhooks};
use crate::desk::id::{MessageId, PersonId, TicketId};
use crate::desk::notice::Notices;
use crate::desk::person::{NewPerson, Person, Removal};
use crate::desk::schema::Schema;
use crate::desk::survey::{Rules, Survey, Told};
use crate::desk::ticket::{Attachment, Due, LinkKind};
use crate::desk::write::{Outcome, Staged, Write};
use crate::secret::Secret;

use self::feed::Place;
use self::translate::Layout;

/// The largest file that is carried, in bytes. RT itself only warns above `$MaxAttachmentSize`; this is what fits into one call.
pub const ATTACHMENT_LIMIT: u64 = 32 << 20;

/// What RT can and cannot do.
pub const CAPABILITIES: Capabilities = Capabilities {
    vendor: "request-tracker",
    name: "Request Tracker 5",
    webhooks: Webhooks::ByAdmin,
    feed: Feed {
        what: "transactions by id, gaps asked for again; tickets by LastUpdated as a second net",
        withheld_seconds: 0,
        overlap_seconds: 600,
        sees_deletions: true,
        sees_merges: true,
        least_interval_seconds: 1,
    },
    // Whatever makes a transaction is told by the scrip and found in the feed. `rt-shredder` and scripts on the database make none.
    seen: &[
        (Change::Field, Seen::Both),
        (Change::Tags, Seen::Both),
        (Change::People, Seen::Both),
        (Change::Message, Seen::Both),
        (Change::Link, Seen::Both),
        (Change::Merge, Seen::Both),
        (Change::Deletion, Seen::Both),
        (Change::Undeletion, Seen::Both),
        (Change::Redaction, Seen::Poll),
        (Change::MadePrivate, Seen::Never),
        (Change::FileRemoved, Seen::Sweep),
        (Change::FileScanned, Seen::Never),
        (Change::PersonItself, Seen::Sweep),
        (Change::BehindTheDesk, Seen::Sweep),
    ],
    back_dates: BackDates::TicketOnly,
    sets_author: SetsAuthor::Never,
    create_takes: CreateTakes::FirstMessage,
    message_keys: true,
    keys_on_create: true,
    lookup_lag_seconds: 0,
    compare_and_set: true,
    makes_private: false,
    redacts: false,
    removes_attachments: false,
    links: &[LinkKind::Parent, LinkKind::DependsOn, LinkKind::RefersTo],
    parent_type: None,
    child_type: None,
    merges: true,
    deletes: true,
    immutable_status: None,
    // RT's default lifecycle allows these three; a lifecycle of one's own may allow more, which costs a call and nothing else.
    statuses_at_creation: &["new", "open", "resolved"],
    final_statuses: &["resolved", "rejected"],
    attachment_limit: ATTACHMENT_LIMIT,
    counts_tickets: true,
    refuses_empty_files: true,
    file_paths: &["/Ticket/Attachment/", "/Download/", "/REST/2.0/attachment/"],
    recodes: &["text/plain", "text/html"],
    subject_limit: 200,
    plain_tags: false,
    agent_page: "/Ticket/Display.html?id={ticket}",
    silence: "the scrip `Tidegate: silence` in RT keeps back every mail about what the gateway's user does (deploy/request-tracker)",
    silence_stays: false,
    residue: "the rows of deleted tickets stay in RT's database with the status `deleted`, with their messages and files, and their numbers \
              are not given again (`rt-shredder` of an RT admin takes them out); RT keeps every user",
    fields: &["subject", "status", "priority", "group", "assignee", "requester", "cc", "followers", "tags", "due"],
    rights_by_group: true,
    own_mail_domain: "",
    begins: by_hand::BEGINS,
    ends: by_hand::ENDS,
};

/// How one RT is reached and what our fields in it are called.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where people open RT, `https://rt.example.com/` or with a path.
    pub base: Url,
    /// An auth token of `user`.
    pub token: Secret,
    /// Name of the gateway's own RT user: what it does is the echo of our writes.
    pub user: String,
    /// Ticket custom field for our keys.
    pub key_field: String,
    /// Transaction custom field for our keys.
    pub message_key_field: String,
    /// Ticket custom field for the other desk's number, if people want to see it.
    pub number_field: Option<String>,
    /// Ticket custom field (free-form, multiple) that holds tags.
    pub tags_field: Option<String>,
    /// A tag that every ticket written by us gets, for views; never shown as one of the ticket's own tags.
    pub mirrored_tag: Option<String>,
    /// How long an id that was passed over is asked for again.
    pub gap_horizon: Duration,
}

impl Settings {
    /// The names that `deploy/request-tracker` uses.
    pub fn new(base: Url, token: Secret, user: impl Into<String>) -> Self {
        Self {
            base,
            token,
            user: user.into(),
            key_field: "Tidegate key".to_string(),
            message_key_field: "Tidegate message key".to_string(),
            number_field: Some("Tidegate number".to_string()),
            tags_field: None,
            mirrored_tag: None,
            gap_horizon: Duration::from_secs(600),
        }
    }

    /// A field that is ours, not people's.
    fn is_own_field(&self, name: &str) -> bool {
        name == self.key_field || name == self.message_key_field || self.number_field.as_deref() == Some(name)
    }

    /// Where people open a ticket.
    fn page_of(&self, ticket: &TicketId) -> String {
        CAPABILITIES.page_of(self.base.as_str().trim_end_matches('/'), ticket)
    }
}

/// One RT.
pub struct RequestTracker {
    settings: Settings,
    http: Http,
    address: String,
    layout: RwLock<Option<Arc<Layout>>>,
    message_field: OnceCell<String>,
    /// RT's numbers of people.
    numbers: RwLock<BTreeMap<PersonId, String>>,
}

impl RequestTracker {
    /// Makes the connector; calls nothing.
    pub fn new(settings: Settings, http: Http) -> Self {
        let address = settings.base.origin().ascii_serialization();
        Self { settings, http, address, layout: RwLock::new(None), message_field: OnceCell::new(), numbers: RwLock::default() }
    }
}

#[async_trait]
impl Desk for RequestTracker {
    fn capabilities(&self) -> &'static Capabilities {
        static CAPABILITIES: Capabilities = self::CAPABILITIES;
        &CAPABILITIES
    }

    fn address(&self) -> &str {
        &self.address
    }

    async fn identify(&self) -> Result<Identity, Fault> {
        self.who_we_are().await
    }

    async fn schema(&self) -> Result<Schema, Fault> {
        self.read_schema().await
    }

    /// All of the history is read each time, so `since` is not needed.
    async fn read(&self, ticket: &TicketId, _since: Option<&str>) -> Result<Read, Fault> {
        self.read_ticket(ticket).await
    }

    async fn person(&self, id: &PersonId) -> Result<Option<Person>, Fault> {
        self.person_by_id(id).await
    }

    async fn agents(&self) -> Result<Vec<Person>, Fault> {
        self.privileged_users().await
    }

    async fn download(&self, attachment: &Attachment) -> Result<Download, Fault> {
        self.download_file(attachment).await
    }

    async fn survey(&self, side: Side) -> Result<Survey, Fault> {
        self.survey_desk(side).await
    }

    async fn addresses(&self) -> Result<Told<BTreeSet<String>>, Fault> {
        self.queue_addresses().await
    }

    /// RT makes a ticket of every mail that it is given; what a mail server holds back before it is not its business.
    async fn held_mail(&self) -> Result<Told<u64>, Fault> {
        Ok(Told::Known(0))
    }

    async fn due(&self, tickets: &[TicketId]) -> Result<Told<Vec<Due>>, Fault> {
        self.due_of(tickets).await.map(Told::Known)
    }
}

#[async_trait]
impl SourceDesk for RequestTracker {
    fn scheme(&self) -> Option<&'static Scheme> {
        Some(&webhook::SCHEME)
    }

    fn hints(&self, delivery: &Verified) -> Result<Vec<Hint>, String> {
        webhook::hints(delivery.body(), &self.settings.user)
    }

    /// `X-RT-Delivery` is outside of the signature: the body's digest stands for it.
    fn delivery_id(&self, _delivery: &Verified) -> Option<String> {
        None
    }

    fn cursor_at(&self, at: DateTime<Utc>) -> Cursor {
        Place::at(at, delta(self.settings.gap_horizon)).cursor()
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

    async fn register_webhook(&self, _name: &str, _url: &str) -> Result<Registration, Fault> {
        Err(Fault::refused("RT has no webhooks of its own: an RT admin installs deploy/request-tracker/initialdata.pl"))
    }

    async fn webhook_secret(&self, _id: &str) -> Result<Secret, Fault> {
        Err(Fault::refused("RT does not tell the secret that its scrip signs with"))
    }

    async fn reset_webhook_secret(&self, _id: &str) -> Result<Secret, Fault> {
        Err(Fault::refused("RT does not let its scrips be changed from outside: an RT admin gives the scrip its new secret"))
    }

    /// RT has no such call: its next change tells.
    async fn test_webhook(&self, _id: &str, _url: &str) -> Result<bool, Fault> {
        Ok(false)
    }

    fn webhook_steps(&self) -> &'static Steps {
        &webhook::STEPS
    }

    /// There is nothing that we registered.
    async fn remove_webhook(&self, _id: &str) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl TargetDesk for RequestTracker {
    async fn find_ticket(&self, key: &str) -> Result<Vec<TicketId>, Fault> {
        self.tickets_with_key(key).await
    }

    /// RT finds keys by themselves, however old their tickets are.
    async fn keyed(&self, prefix: &str, _since: DateTime<Utc>, cursor: Option<&Cursor>) -> Result<KeyedPage, Fault> {
        self.keyed_after(prefix, cursor).await
    }

    async fn find_message(&self, ticket: &TicketId, key: &str) -> Result<Vec<MessageId>, Fault> {
        self.messages_with_key(ticket, key).await
    }

    async fn find_person(&self, email: Option<&str>, key: &str) -> Result<Vec<Person>, Fault> {
        self.people_by(email, key).await
    }

    async fn rules(&self) -> Result<Rules, Fault> {
        Ok(self.desk_rules())
    }

    async fn create_person(&self, person: &NewPerson) -> Result<Person, Fault> {
        self.make_person(person).await
    }

    /// RT deletes no users. A disabled one would be found again and could not be written for, so they are left as they are: so is
    /// everybody whom RT makes itself for a mail.
    async fn remove_person(&self, _id: &PersonId, _key: &str) -> Result<Removal, Fault> {
        Ok(Removal::Stays("RT deletes no users".to_string()))
    }

    async fn stage(&self, upload: Upload) -> Result<Staged, Fault> {
        self.take_in(upload).await
    }

    async fn apply(&self, write: &Write) -> Result<Outcome, Fault> {
        self.write(write).await
    }

    async fn hides_notices(&self) -> Result<Option<String>, Fault> {
        self.keeps_no_mails().await
    }

    async fn notices(&self, ticket: &TicketId, since: DateTime<Utc>) -> Result<Notices, Fault> {
        self.notices_of(ticket, since).await
    }
}
