//! What every vendor must answer, and what it must guarantee. The conformance suite (`tests/it/conformance.rs`) holds each
//! connector to it, against its sim and against the real desk where one can be started.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;

use crate::change::{ChangePage, Cursor, Hint, ListPage};
use crate::desk::capability::Capabilities;
use crate::desk::id::{AttachmentId, MessageId, PersonId, TicketId};
use crate::desk::notice::Notices;
use crate::desk::person::{NewPerson, Person};
use crate::desk::schema::Schema;
use crate::desk::ticket::{Attachment, Ticket};
use crate::desk::write::{Outcome, Staged, Write};
use crate::secret::Secret;

use super::delivery::{Scheme, Verified};
use super::fault::Fault;

/// A ticket that was asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    /// Whole and not torn: the strong stamp was the same before and after the read.
    Found(Box<Ticket>),
    /// It changed while it was read, each time we tried. The last look may mix two states: what it shows is there, what it lacks may be
    /// there too.
    Torn(Box<Ticket>),
    /// The desk does not show it (404). It may be gone, not yet committed, or out of our rights: no evidence of anything.
    Missing,
}

/// A file on its way.
pub struct Download {
    /// Bytes, when the desk told.
    pub size: Option<u64>,
    pub bytes: BoxStream<'static, Result<Bytes, Fault>>,
}

/// A file to hand to a target.
pub struct Upload {
    /// The attachment's id at the source.
    pub source: AttachmentId,
    pub name: String,
    pub content_type: String,
    pub inline: bool,
    pub download: Download,
}

/// Who we are at a desk.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    pub person: PersonId,
    pub name: String,
    /// The desk's clock, from its `Date` header, where it sends one.
    pub desk_time: Option<DateTime<Utc>>,
}

/// Either end.
#[async_trait]
pub trait Desk: Send + Sync {
    fn capabilities(&self) -> &'static Capabilities;

    /// Scheme, host and port: for people and for the shared budget.
    fn address(&self) -> &str;

    /// Tries the credential. Errors: `Unauthorised` names what is missing.
    async fn identify(&self) -> Result<Identity, Fault>;

    /// The fields and their values.
    async fn schema(&self) -> Result<Schema, Fault>;

    /// Everything that belongs to a ticket. A merged ticket is recognised by its id and told as
    /// [`crate::desk::ticket::Presence::MergedInto`]; a deleted one as `Deleted`, with no messages.
    /// `acts` go back at least to the act with id `since`, where given.
    async fn read(&self, ticket: &TicketId, since: Option<&str>) -> Result<Read, Fault>;

    /// A person who was named by id. `None`: the desk does not know the id.
    async fn person(&self, id: &PersonId) -> Result<Option<Person>, Fault>;

    /// Starts to fetch a file; credentials are sent to the desk's own hosts only.
    async fn download(&self, attachment: &Attachment) -> Result<Download, Fault>;
}

/// A registered webhook.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The desk's id of it.
    pub id: String,
    pub secret: Secret,
}

/// The end that tells about changes.
#[async_trait]
pub trait SourceDesk: Desk {
    /// How its deliveries prove themselves; `None` for a desk without webhooks.
    fn scheme(&self) -> Option<&'static Scheme>;

    /// What a delivery hints at. Pure. The error is a sentence on why it cannot be read.
    fn hints(&self, delivery: &Verified) -> Result<Vec<Hint>, String>;

    /// The id that the desk gave the delivery inside the signed bytes; deliveries with the same id are one. `None`: the
    /// digest of the body stands for it.
    fn delivery_id(&self, delivery: &Verified) -> Option<String>;

    /// A cursor that sees every change from `at` on (in the desk's time).
    fn cursor_at(&self, at: DateTime<Utc>) -> Cursor;

    /// One page of changes after `cursor`. Overlaps and unfilled gaps are the connector's business and live in the cursor;
    /// seeing a change twice is fine, never seeing it is not. `now` is ours.
    async fn changes(&self, cursor: &Cursor, now: DateTime<Utc>) -> Result<ChangePage, Fault>;

    /// One page of all tickets, oldest first, from the start where `cursor` is `None`.
    async fn list(&self, cursor: Option<&Cursor>) -> Result<ListPage, Fault>;

    /// Has deliveries sent to `url`; finds its own earlier registration of the same `name` and brings it up to date. Errors: `Refused`
    /// where an admin has to do it ([`crate::desk::capability::Webhooks::ByAdmin`]).
    async fn register_webhook(&self, name: &str, url: &str) -> Result<Registration, Fault>;

    /// What it signs with now. Errors: `Refused` where a desk does not tell.
    async fn webhook_secret(&self, id: &str) -> Result<Secret, Fault>;

    /// Ends it; an unknown id is fine.
    async fn remove_webhook(&self, id: &str) -> Result<(), Fault>;
}

/// The end that is written to.
#[async_trait]
pub trait TargetDesk: Desk {
    /// The tickets that carry exactly this key. More than one is for a person to see. "None" is sure only after the
    /// capability's look-up lag.
    async fn find_ticket(&self, key: &str) -> Result<Vec<TicketId>, Fault>;

    /// The messages of a ticket that carry exactly this key, oldest first.
    async fn find_message(&self, ticket: &TicketId, key: &str) -> Result<Vec<MessageId>, Fault>;

    /// People with this address (compared without regard to case) or with this key of ours.
    async fn find_person(&self, email: Option<&str>, key: &str) -> Result<Vec<Person>, Fault>;

    /// Makes a customer: nobody is invited, verified, mailed, or given a seat.
    async fn create_person(&self, person: &NewPerson) -> Result<Person, Fault>;

    /// Takes a file in, so that a message can carry it. Hashes while streaming. Errors: `Refused` when the desk will not
    /// have it (too large, forbidden kind, empty).
    async fn stage(&self, upload: Upload) -> Result<Staged, Fault>;

    /// Makes one write, silently, and reads back what the desk may have left undone behind a success. Restrictions that the
    /// capabilities exclude are never asked for.
    async fn apply(&self, write: &Write) -> Result<Outcome, Fault>;

    /// Why silence of this desk would prove nothing, in a sentence for an admin. `None`: it tells of the mails and notifications that
    /// it sends.
    async fn hides_notices(&self) -> Result<Option<String>, Fault>;

    /// The mails and notifications about a ticket since `since` (the desk's clock), those that followed people's acts too.
    async fn notices(&self, ticket: &TicketId, since: DateTime<Utc>) -> Result<Notices, Fault>;
}

/// A vendor that can be either end (all of them).
pub trait Connector: SourceDesk + TargetDesk {}

impl<T: SourceDesk + TargetDesk> Connector for T {}
