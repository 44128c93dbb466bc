//! What a mirror does where more than one thing could be done. Every setting has a careful default.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Side;
use super::field::FieldKey;
use super::ticket::Visibility;

/// The choices of one mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Both sides changed one field to different values.
    pub conflict: Conflict,
    /// Fields that are decided otherwise than `conflict`, by the source's field.
    pub fields: BTreeMap<FieldKey, Conflict>,
    /// What happens to a write of fields while people are at work on the target ticket.
    #[serde(default)]
    pub guard: Guard,
    /// How long the last of them has to be quiet ([`Guard::Wait`]).
    #[serde(default = "quarter_of_an_hour")]
    pub guard_for: Duration,
    pub deletion: Deletion,
    pub closed: Closed,
    pub unmapped: Unmapped,
    /// Deletions and merges.
    pub destructive_limit: Limit,
    /// Visits to one ticket that write: something may answer each of our writes.
    #[serde(default = "usual_echoes")]
    pub echo_limit: Limit,
    /// New tickets at the desks, and ours at the other one: something may make a ticket for each of ours.
    #[serde(default = "usual_births")]
    pub birth_limit: Limit,
    /// Where the target cannot keep author or time, a line in the message says who wrote it and when.
    pub author_line: bool,
    pub tags: Tags,
    pub silence: Silence,
    /// What becomes of messages that people write in the target.
    #[serde(default)]
    pub replies_back: RepliesBack,
    /// The same as `silence` for what is written into the source.
    #[serde(default = "unproven")]
    pub source_silence: Silence,
    /// Tickets that people make in the target are made in the source as well while the source leads. Once the target leads they always
    /// are.
    #[serde(default)]
    pub tickets_back: bool,
}

/// What happens to a field that both sides changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// The source's value is written; the lost one is kept in the ledger and shown.
    SourceWins,
    TargetWins,
    /// Whoever changed it last by the desks' own records; a person decides where the clocks do not tell.
    NewestWins,
    /// The field waits until a person decides; the rest of the ticket goes on.
    Ask,
}

/// What happens to a write of fields while a person has touched the target ticket since the last one. Messages always go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// Each field is decided by itself, as at any other time.
    #[default]
    Merge,
    /// It waits until nobody has touched the ticket for [`Policy::guard_for`].
    Wait,
    /// A person decides about each field.
    Ask,
}

fn unproven() -> Silence {
    Silence::Proven
}

fn quarter_of_an_hour() -> Duration {
    Duration::from_secs(900)
}

/// What happens in the target when the source says that a ticket was deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deletion {
    /// It gets [`Tags::deleted`] and stays.
    Mark,
    Delete,
    Leave,
}

/// What happens to news of a ticket that the target has closed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closed {
    /// A new ticket continues it.
    FollowUp,
    Park,
}

/// What happens to a value for which the mapping has no word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unmapped {
    Park,
    /// The field is not written: the target's own default stands.
    LeaveOut,
}

/// More than `count` within `within` halt the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    pub count: u32,
    pub within: Duration,
}

/// The tags that we set in the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// On every mirrored ticket, for views.
    pub mirrored: String,
    /// While something of the ticket is still missing.
    pub incomplete: String,
    /// Keeps the target's rules from mailing anyone; sent with every write.
    pub silent: String,
    /// The source deleted the ticket ([`Deletion::Mark`]).
    pub deleted: String,
    /// The ticket left the scope ([`super::scope::Leaving::Mark`]).
    pub out_of_scope: String,
}

impl Tags {
    /// Whether a tag is one of ours: it says nothing about the ticket.
    pub fn holds(&self, tag: &str) -> bool {
        let ours = [&self.mirrored, &self.incomplete, &self.silent, &self.deleted, &self.out_of_scope];
        ours.iter().any(|ours| ours.eq_ignore_ascii_case(tag))
    }
}

/// Why it is sure that the target mails nobody about our writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// The vendor's own means are enough, or the mirror does not start.
    Proven,
    /// An admin of the target says that its rules leave tickets with [`Tags::silent`] alone, or that its mail is off.
    AdminRule,
    /// The operator accepts that people may be mailed.
    MailAllowed,
}

/// How messages that people write in the target appear in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepliesBack {
    /// Not at all while the source leads. Once the target leads, as internal notes: who goes back has the whole thread.
    #[default]
    Off,
    /// As internal notes, whoever could read them in the target.
    Notes,
    /// Public ones publicly, internal ones internally.
    Public,
}

impl Policy {
    /// Whether messages that are written at a desk go to the other one, while the other one leads.
    pub fn carries_back(&self, born: Side) -> bool {
        born == Side::Source || self.replies_back != RepliesBack::Off
    }

    /// Whether messages of the target are written into the source while it leads.
    pub fn writes_back(&self) -> bool {
        self.carries_back(Side::Target)
    }

    /// The setting for which something is written into the source while it leads: the name that it has in the mirror file.
    pub fn back(&self) -> Option<&'static str> {
        let asked = [(self.writes_back(), "replies-back"), (self.tickets_back, "tickets-back")];
        asked.into_iter().find_map(|(is, name)| is.then_some(name))
    }

    /// Who can read the copy of a message that was written at a desk: never more people than can read the message.
    pub fn visibility(&self, born: Side, own: Visibility) -> Visibility {
        match (born, self.replies_back) {
            (Side::Source, _) | (Side::Target, RepliesBack::Public) => own,
            (Side::Target, RepliesBack::Notes | RepliesBack::Off) => Visibility::Internal,
        }
    }

    /// How a conflict in this field of the source is decided.
    pub fn conflict_in(&self, source: &FieldKey) -> Conflict {
        self.fields.get(source).copied().unwrap_or(self.conflict)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            conflict: Conflict::SourceWins,
            fields: BTreeMap::new(),
            guard: Guard::Merge,
            guard_for: quarter_of_an_hour(),
            deletion: Deletion::Mark,
            closed: Closed::FollowUp,
            unmapped: Unmapped::Park,
            destructive_limit: Limit { count: 20, within: Duration::from_secs(600) },
            echo_limit: usual_echoes(),
            birth_limit: usual_births(),
            author_line: true,
            tags: Tags::default(),
            silence: Silence::Proven,
            replies_back: RepliesBack::Off,
            source_silence: Silence::Proven,
            tickets_back: false,
        }
    }
}

fn usual_echoes() -> Limit {
    Limit { count: 100, within: Duration::from_secs(600) }
}

fn usual_births() -> Limit {
    Limit { count: 1000, within: Duration::from_secs(3600) }
}

impl Default for Tags {
    fn default() -> Self {
        Self {
            mirrored: "tidegate".to_string(),
            incomplete: "tidegate_incomplete".to_string(),
            silent: "tidegate_silent".to_string(),
            deleted: "tidegate_deleted".to_string(),
            out_of_scope: "tidegate_out_of_scope".to_string(),
        }
    }
}
