//! Every change that we may make to a target desk.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::body::Body;
use super::field::Fields;
use super::id::{AttachmentId, MessageId, PersonId, TicketId};
use super::ticket::{Link, Visibility};

/// One write to one ticket. Each is one call where the vendor allows it, and is recorded as an intent before it is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    Create(NewTicket),
    SetFields {
        ticket: TicketId,
        /// Only the fields to change, in the target's own values.
        fields: Fields,
        /// The target's stamp that the decision was made on; refused as [`Outcome::Moved`] where the desk can compare.
        expect: Option<String>,
    },
    AddMessage {
        ticket: TicketId,
        message: NewMessage,
    },
    /// A message that the source took back from somebody's eyes.
    Restrict {
        ticket: TicketId,
        message: MessageId,
        how: Restriction,
    },
    AddLink {
        ticket: TicketId,
        link: Link,
    },
    RemoveLink {
        ticket: TicketId,
        link: Link,
    },
    /// Ends `ticket`; its conversation goes on in `into`.
    Merge {
        ticket: TicketId,
        into: TicketId,
    },
    Delete {
        ticket: TicketId,
    },
    /// Our key and the other desk's number on a ticket that another tool made, so that look-ups find it.
    SetKey {
        ticket: TicketId,
        /// As [`NewTicket::key`].
        key: String,
        /// As [`NewTicket::number_there`].
        number_there: String,
    },
}

/// A ticket to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTicket {
    /// `tidegate:<mirror>:t:<source ticket id>`; the connector stores it where [`super::capability::Capabilities`] say and finds it again.
    pub key: String,
    /// The other desk's number of it, for people.
    pub number_there: String,
    /// The ticket that this one follows up, which is closed for good. The desk shows both as linked, where it can.
    pub continues: Option<TicketId>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub fields: Fields,
    /// The first message, or the whole conversation where the desk takes it.
    pub messages: Vec<NewMessage>,
}

/// A message to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct NewMessage {
    /// `tidegate:<mirror>:m:<source message id>`.
    pub key: String,
    /// The author at the target; `None` where the target cannot set it (the text then says who wrote).
    pub author: Option<PersonId>,
    pub visibility: Visibility,
    /// When it was written at the source; kept only where the desk back-dates.
    pub created_at: DateTime<Utc>,
    /// Inline images are `src="attachment:<source attachment id>"`.
    pub body: Body,
    pub attachments: Vec<Staged>,
}

/// A file that the target has received (or that travels with the message).
#[derive(Debug, Clone, PartialEq)]
pub struct Staged {
    /// The attachment's id at the source: what `attachment:` references in the body mean.
    pub source: AttachmentId,
    pub name: String,
    pub content_type: String,
    pub inline: bool,
    pub size: u64,
    /// Lower-case hex SHA-256 of the bytes as they were read from the source.
    pub sha256: String,
    pub handle: Handle,
}

/// Where the bytes of a staged file are.
#[derive(Debug, Clone, PartialEq)]
pub enum Handle {
    /// The target has them; the connector's own words for it (upload token, URL).
    Uploaded { token: String, url: Option<String> },
    /// They go with the message.
    Bytes(bytes::Bytes),
}

/// What is done to a message that the source restricted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restriction {
    MakePrivate,
    /// The words are gone at the source; `text` is what remains.
    Redact {
        body: Body,
    },
    /// This file of it is gone at the source.
    RemoveAttachment {
        attachment: AttachmentId,
    },
    Remove,
}

/// What a write came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Done(Written),
    /// Compare-and-set: the ticket changed since the decision was made. Nothing was written; decide anew.
    Moved,
}

/// The ids that the desk gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Written {
    pub ticket: Option<TicketId>,
    /// Message key and the id of what was made, in the order in which they were given. Missing where the desk did not
    /// tell: found by key or by read-back.
    pub messages: Vec<(String, MessageId)>,
    /// What the desk said that it did not do, although it answered with success (RT's 2xx sentences): shown to people.
    pub remarks: Vec<String>,
}
