//! What every vendor must answer, and what it must guarantee. The conformance suite (`tests/it/conformance.rs`) holds each
//! connector to it, against its sim and against the real desk where one can be started.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;

use crate::change::{ChangePage, Cursor, Hint, ListPage};
use crate::desk::Side;
use crate::desk::capability::Capabilities;
use crate::desk::id::{AttachmentId, MessageId, PersonId, TicketId};
use crate::desk::notice::Notices;
use crate::desk::person::{NewPerson, Person, Removal};
use crate::desk::schema::Schema;
use crate::desk::survey::{Rules, Survey, Told, Unseen};
use crate::desk::ticket::{Attachment, Due, Ticket};
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

    /// Everybody who works there or did, suspended and disabled people too; our own user among them. Errors: `Unauthorised` names the
    /// right without which a desk does not tell.
    async fn agents(&self) -> Result<Vec<Person>, Fault>;

    /// Starts to fetch a file; credentials are sent to the desk's own hosts only.
    async fn download(&self, attachment: &Attachment) -> Result<Download, Fault>;

    /// What is ready for us as this side of a mirror, and what is not carried. Reads only. What the desk does not show is *cannot
    /// tell*, never *none*.
    async fn survey(&self, _as_side: Side) -> Result<Survey, Fault> {
        Ok(Survey::untold())
    }

    /// Addresses at which the desk makes tickets of mails, in lower case. What it does not show is *cannot tell*, never *none*.
    async fn addresses(&self) -> Result<Told<BTreeSet<String>>, Fault> {
        Ok(Told::CannotTell("this desk does not list its addresses".to_string()))
    }

    /// When promises about these tickets are broken next, one for each that has any, in no order. Some hundreds at once are fine. What a
    /// desk does not tell of is *cannot tell*, never *nothing is due*.
    async fn due(&self, _tickets: &[TicketId]) -> Result<Told<Vec<Due>>, Fault> {
        Ok(Told::CannotTell("this desk does not tell what is due when".to_string()))
    }

    /// How many mails it holds back that are no tickets: its suspended or spam queue. They are not mirrored.
    async fn held_mail(&self) -> Result<Told<u64>, Fault> {
        Ok(Told::CannotTell("this desk does not show what it holds back".to_string()))
    }
}

/// A registered webhook.
#[derive(Debug, Clone)]
pub struct Registration {
    /// The desk's id of it.
    pub id: String,
    pub secret: Secret,
}

/// What an admin of the desk does by hand, line by line. `{name}`, `{url}` and `{secret}` are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// To have changes told to the gateway.
    pub register: &'static [&'static str],
    /// To give the desk another secret.
    pub rotate: &'static [&'static str],
    /// To end it.
    pub remove: &'static [&'static str],
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

    /// Which of these numbers are tickets that the desk shows us, its list apart: as few calls as it allows for about a hundred. Merged
    /// and deleted ones may be left out.
    async fn shown(&self, tickets: &[TicketId]) -> Result<Vec<TicketId>, Fault>;

    /// Has deliveries sent to `url`; finds its own earlier registration of the same `name` and brings it up to date. Errors: `Refused`
    /// where an admin has to do it ([`crate::desk::capability::Webhooks::ByAdmin`]).
    async fn register_webhook(&self, name: &str, url: &str) -> Result<Registration, Fault>;

    /// What it signs with now. Errors: `Refused` where a desk does not tell.
    async fn webhook_secret(&self, id: &str) -> Result<Secret, Fault>;

    /// Has the desk sign with a fresh secret from now on. Errors: `Refused` where an admin has to do it.
    async fn reset_webhook_secret(&self, id: &str) -> Result<Secret, Fault>;

    /// Has the desk send a delivery that hints at nothing to `url`, where it sends its webhooks; what arrives there tells how it went.
    /// `false`: the desk cannot be asked for one.
    async fn test_webhook(&self, id: &str, url: &str) -> Result<bool, Fault>;

    /// The same by hand.
    fn webhook_steps(&self) -> &'static Steps;

    /// Ends it; an unknown id is fine.
    async fn remove_webhook(&self, id: &str) -> Result<(), Fault>;
}

/// The end that is written to.
#[async_trait]
pub trait TargetDesk: Desk {
    /// The tickets that carry exactly this key. More than one is for a person to see. "None" is sure only after the
    /// capability's look-up lag.
    async fn find_ticket(&self, key: &str) -> Result<Vec<TicketId>, Fault>;

    /// One page of all tickets whose key begins with `prefix`, merged and deleted ones left out where the desk leaves them out. No such
    /// ticket is older in its changes than `since` (the desk's clock, minutes apart at most).
    async fn keyed(&self, prefix: &str, since: DateTime<Utc>, cursor: Option<&Cursor>) -> Result<KeyedPage, Fault>;

    /// The messages of a ticket that carry exactly this key, oldest first.
    async fn find_message(&self, ticket: &TicketId, key: &str) -> Result<Vec<MessageId>, Fault>;

    /// People with this address (compared without regard to case) or with this key of ours.
    async fn find_person(&self, email: Option<&str>, key: &str) -> Result<Vec<Person>, Fault>;

    /// What the desk does by itself to tickets and people when we write. Reads only. Errors: `Unauthorised` where the credential may not
    /// see the rules.
    async fn rules(&self) -> Result<Rules, Fault> {
        let (what, cure) =
            ("This desk does not show what it does by itself.", "look through its rules for mails and notifications");
        let unseen = Unseen { name: "rules", what: what.to_string(), cure: cure.to_string() };
        Ok(Rules { unseen: vec![unseen], ..Rules::default() })
    }

    /// Whether an organisation of exactly this name is there; `true` at desks where any name will do.
    async fn has_organisation(&self, _name: &str) -> Result<bool, Fault> {
        Ok(true)
    }

    /// Takes away what keeps the desk from telling anybody about our writes to this ticket, where it stays on the ticket: its people work
    /// there, and what they write has to reach the customer. Fine where nothing of it is left.
    async fn end_silence(&self, _ticket: &TicketId) -> Result<(), Fault> {
        Ok(())
    }

    /// The same for tickets at once, up to about a hundred, in as few calls as the desk allows. Returns those for which it could not be,
    /// and why. Errors: nothing is known of any of them.
    async fn end_silences(&self, tickets: &[TicketId]) -> Result<Vec<StillSilent>, Fault> {
        let mut still = Vec::new();
        for ticket in tickets {
            if let Err(fault) = self.end_silence(ticket).await {
                still.push(StillSilent { ticket: ticket.clone(), why: fault.to_string() });
            }
        }
        Ok(still)
    }

    /// Makes a customer: nobody is invited, verified, mailed, or given a seat.
    async fn create_person(&self, person: &NewPerson) -> Result<Person, Fault>;

    /// Takes away a customer whom we made under this key, where the desk can and nothing of anybody else depends on them. One who is
    /// gone already is fine.
    async fn remove_person(&self, id: &PersonId, key: &str) -> Result<Removal, Fault>;

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

/// A ticket that its desk stays silent about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillSilent {
    pub ticket: TicketId,
    /// A sentence.
    pub why: String,
}

/// A target ticket with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyedTicket {
    pub key: String,
    pub ticket: TicketId,
}

/// One page of the target tickets under our keys.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyedPage {
    pub tickets: Vec<KeyedTicket>,
    /// `None` after the last page.
    pub next: Option<Cursor>,
}

/// A vendor that can be either end (all of them).
pub trait Connector: SourceDesk + TargetDesk {}

impl<T: SourceDesk + TargetDesk> Connector for T {}
