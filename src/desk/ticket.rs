//! A ticket as one desk holds it now.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::field::{FieldKey, Fields};
use super::id::{AttachmentId, MessageId, PersonId, TicketId};
use super::person::Person;

/// Whether the ticket is there. *Gone* needs positive evidence; a bare 404 is a fault, not a presence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Present,
    /// The desk says that it was deleted.
    Deleted,
    /// The desk says that it was merged into another ticket. `messages` are those still read under the old id.
    MergedInto(TicketId),
}

/// Everything that belongs to one ticket, read in one go and not torn: the stamp was the same before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct Ticket {
    pub id: TicketId,
    /// Strong: the id of the last audit or transaction. Two reads with one stamp saw the same ticket, unless one of their calls was
    /// answered by a copy that lags.
    pub stamp: String,
    /// What the desk's feed shows for this state of the ticket (Zendesk: `updated_at` and `generated_timestamp`; RT: last
    /// transaction). A poll hint with the same `feed_stamp` brings nothing new.
    pub feed_stamp: Option<String>,
    pub presence: Presence,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Where an agent opens it.
    pub url: String,
    pub fields: Fields,
    /// Oldest first. The first is the description.
    pub messages: Vec<Message>,
    pub links: BTreeSet<Link>,
    /// Our key if the desk holds one for this ticket (Zendesk `external_id`, RT custom field).
    pub key: Option<String>,
    /// The people named in fields and messages, as far as the desk told about them.
    pub people: Vec<Person>,
    /// Who did what, oldest first, as far back as the connector reads (at least to the previous strong stamp asked for).
    pub acts: Vec<Act>,
    /// Nothing about it can be changed any more (Zendesk `closed`).
    pub immutable: bool,
}

impl Ticket {
    /// A person of this ticket by id.
    pub fn person(&self, id: &PersonId) -> Option<&Person> {
        self.people.iter().find(|person| &person.id == id)
    }
}

/// Who may read a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    Public,
    Internal,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub id: MessageId,
    pub author: PersonId,
    pub visibility: Visibility,
    pub created_at: DateTime<Utc>,
    pub body: Body,
    /// In the desk's order; inline images too.
    pub attachments: Vec<Attachment>,
    /// Our key if the desk holds one for this message (Zendesk comment metadata, RT transaction field).
    pub key: Option<String>,
    /// Written through our own credential.
    pub ours: bool,
}

/// When a promise about a ticket is broken next: by a rule that measures time, or by the ticket's own due date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    pub ticket: TicketId,
    pub at: DateTime<Utc>,
    /// In the desk's words: `first_reply_time`, `due date`.
    pub what: String,
}

/// Whether a file can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttachmentState {
    Ready,
    /// A malware scan is not finished: not yet.
    Pending,
    /// The desk will not hand it out (malware found).
    Refused,
    /// Removed or redacted by a person.
    Removed,
}

/// A file or inline image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    pub id: AttachmentId,
    pub name: String,
    pub content_type: String,
    /// Bytes, as the desk says; some desks do not say.
    pub size: Option<u64>,
    /// Shown inside the text.
    pub inline: bool,
    /// What the connector needs to fetch it (a URL or an id); opaque to everyone else.
    pub locator: String,
    pub state: AttachmentState,
}

/// How two tickets hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// `to` is the parent (RT MemberOf) or the problem (Zendesk `problem_id`).
    Parent,
    /// This ticket waits for `to`.
    DependsOn,
    /// This ticket mentions `to`, or follows it up.
    RefersTo,
}

/// A link that starts at this ticket. The other end is not listed there again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Link {
    pub kind: LinkKind,
    pub to: TicketId,
}

/// One thing that somebody did to a ticket (audit, transaction).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The desk's id of it; comparable with a [`Ticket::stamp`] of the same desk.
    pub id: String,
    pub actor: PersonId,
    pub by: Actor,
    pub at: DateTime<Utc>,
    pub fields: BTreeSet<FieldKey>,
    /// The status that it left, in the word that [`Ticket::fields`] has for it. `None`: it touched none, or the desk does not tell.
    pub status: Option<String>,
}

/// Whose hand it was: only persons are protected from being overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// Our own credential.
    Us,
    /// A trigger, automation or scrip of the desk.
    Rule,
    Person,
}

/// Whether the first of two act ids or stamps of one desk is the later one, by the number at their end.
pub fn newer(act: &str, stamp: &str) -> bool {
    number_of(act) > number_of(stamp)
}

/// The number at the end of an act id or stamp, by which those of one desk are in order.
pub fn number_of(stamp: &str) -> Option<u128> {
    stamp.rsplit(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
