//! What a simulated desk's own store holds, told in neutral words for the judge. Emails stand for people.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A ticket in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketView {
    pub id: String,
    pub state: TicketState,
    /// Our key or another tool's, where the desk holds external ids.
    pub external_id: Option<String>,
    /// `subject`, `status`, `priority`, `type`, `group`, `assignee`, `requester`, `organisation`, `due`, `custom:<name>`:
    /// people by e-mail, several values sorted. Empty fields are left out.
    pub fields: BTreeMap<String, Vec<String>>,
    pub tags: BTreeSet<String>,
    pub cc: BTreeSet<String>,
    pub followers: BTreeSet<String>,
    pub created_at: DateTime<Utc>,
    pub messages: Vec<MessageView>,
    /// Kind (`parent`, `depends_on`, `refers_to`) and the other ticket's id.
    pub links: BTreeSet<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketState {
    Present,
    Deleted,
    MergedInto(String),
}

/// A message in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MessageView {
    pub id: String,
    pub author: String,
    pub public: bool,
    pub at: DateTime<Utc>,
    /// As stored: HTML or plain text.
    pub body: String,
    pub html: bool,
    pub files: Vec<FileView>,
}

/// A file in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileView {
    pub name: String,
    pub size: u64,
    pub sha256: String,
    pub inline: bool,
}

/// A mail that the desk would have sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    pub to: Vec<String>,
    pub ticket: String,
    /// Name of the trigger, scrip or notification that sent it.
    pub because: String,
    /// Who did what led to it, by e-mail.
    pub actor: String,
    pub at: DateTime<Utc>,
    #[serde(default)]
    pub letter: Letter,
}

/// What a mail program needs of a mail to answer it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// With angle brackets.
    pub message_id: String,
    pub subject: String,
    /// Where answers go.
    pub reply_to: String,
    pub body: String,
}

/// A mail that somebody sends to a desk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Incoming {
    /// Address and name of the sender.
    pub from: String,
    pub name: String,
    pub to: String,
    pub subject: String,
    /// With angle brackets, as all of these.
    pub message_id: String,
    pub in_reply_to: Option<String>,
    pub references: Vec<String>,
    /// Plain text.
    pub body: String,
}

impl Mail {
    /// An answer to it as mail programs make one: what was read is quoted below.
    pub fn answered(&self, from: &str, words: &str) -> Incoming {
        let Letter { message_id, subject, reply_to, body } = &self.letter;
        let quoted: String = body.lines().map(|line| format!("> {line}\n")).collect();
        Incoming {
            from: from.to_string(),
            name: from.split('@').next().unwrap_or(from).to_string(),
            to: reply_to.clone(),
            subject: format!("Re: {subject}"),
            message_id: format!("<answer-to-{}", message_id.trim_start_matches('<')),
            in_reply_to: Some(message_id.clone()),
            references: vec![message_id.clone()],
            body: format!("{words}\n\n{quoted}"),
        }
    }
}
