//! What people do at a desk, for any simulated desk. Everything goes through the desk's own rules: history, triggers,
//! webhooks and mails happen as they would for a human at the desk's own pages.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::faults::Faults;
use super::snapshot::{Incoming, Mail, TicketView};

/// Who acts, by e-mail. The desk makes customers it has not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    pub email: String,
    pub name: String,
    pub agent: bool,
}

/// A file as a person attaches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub name: String,
    pub content_type: String,
    /// In JSON a list of numbers.
    pub bytes: Vec<u8>,
    /// Shown in the text where it says `cid:<name>`.
    #[serde(default)]
    pub inline: bool,
}

/// Something that is written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Text {
    /// HTML, or plain text if `html` is false.
    pub body: String,
    pub html: bool,
    pub files: Vec<File>,
}

/// One thing that somebody does. In JSON: `{"reply": {"ticket": "1", "text": {"body": "Hello"}}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Open {
        subject: String,
        group: String,
        text: Text,
        /// As in [`Action::Set`].
        fields: BTreeMap<String, Vec<String>>,
        tags: Vec<String>,
    },
    Reply {
        ticket: String,
        text: Text,
    },
    Note {
        ticket: String,
        text: Text,
    },
    /// Keys as in [`TicketView::fields`] (`status`, `priority`, `assignee` by e-mail, `custom:<name>`, `cc`, `followers`); an empty list clears.
    Set {
        ticket: String,
        fields: BTreeMap<String, Vec<String>>,
    },
    Tag {
        ticket: String,
        add: Vec<String>,
        remove: Vec<String>,
    },
    /// `kind` as in [`TicketView::links`].
    Link {
        ticket: String,
        kind: String,
        to: String,
    },
    Unlink {
        ticket: String,
        kind: String,
        to: String,
    },
    Merge {
        ticket: String,
        into: String,
    },
    Delete {
        ticket: String,
    },
    Undelete {
        ticket: String,
    },
    /// Takes `words` out of a message.
    Redact {
        ticket: String,
        message: String,
        words: String,
    },
    MakePrivate {
        ticket: String,
        message: String,
    },
}

/// What a script on a desk's database does to one message, and no history tells of. Files are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// It is not there any more.
    Lose,
    /// It is there twice.
    Double,
    /// It is in another ticket.
    Move {
        to: String,
    },
    /// Other words stand where those were.
    Reword {
        from: String,
        to: String,
    },
    /// Somebody else wrote it, by e-mail.
    Author(String),
    At(DateTime<Utc>),
    /// Customers can read it, or cannot.
    Public(bool),
    Bytes {
        file: usize,
        bytes: Vec<u8>,
    },
    Rename {
        file: usize,
        name: String,
    },
    LoseFile(usize),
    DoubleFile(usize),
    /// The files stand in the opposite order.
    TurnFiles,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Done {
    pub ticket: String,
    /// The message that was made, if one was.
    pub message: Option<String>,
}

/// A simulated desk as a story and a test see it.
pub trait Stage: Send + Sync {
    /// Does it as `who`, at `at` (history is told with times in the past; live work at now). Quiet actions are history that was
    /// there before anybody listened: no webhook, no mail. Errors: the desk's refusal, in its words.
    fn act(&self, who: &Who, action: Action, at: DateTime<Utc>, quiet: bool) -> Result<Done, String>;

    /// Takes a mail in, now: an answer goes to the ticket that the desk finds by its own rules, anything else opens one. Errors: the desk
    /// holds it back.
    fn receive(&self, _mail: &Incoming) -> Result<Done, String> {
        Err("this desk takes no mail in".to_owned())
    }

    /// Does it behind the desk's back (a script on its database): no webhook, and no feed of changes shows it; a read of the ticket does.
    /// Errors: the desk's refusal; a desk where this cannot happen, or not to this.
    fn slip(&self, who: &Who, action: Action) -> Result<Done, String>;

    /// Does this to a message of a ticket behind the desk's back. Errors: there is no such thing, or nobody can do it at this desk.
    fn damage(&self, _ticket: &str, _message: &str, _damage: Damage) -> Result<(), String> {
        Err("nobody reaches into this desk".to_owned())
    }

    /// Every ticket in the store, by id.
    fn tickets(&self) -> Vec<TicketView>;

    /// The mails that the desk would have sent, oldest first.
    fn mails(&self) -> Vec<Mail>;

    /// API calls so far, by kind (`GET /api/v2/tickets/{id}`).
    fn calls(&self) -> BTreeMap<String, u64>;

    fn faults(&self) -> &Faults;

    /// Webhook deliveries that are still on their way (late, or waiting for a retry).
    fn deliveries_waiting(&self) -> usize;
}
