//! The base: what both desks said when they last agreed, per field, as two values.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::{AttachmentId, MessageId};
use crate::desk::ticket::{Link, Visibility};

use super::reason::{LeftOut, Reason};

/// Agreed fields by the source desk's key, and agreed links.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Base {
    /// The desk that led when it was noted.
    #[serde(default)]
    pub lead: Side,
    pub fields: BTreeMap<FieldKey, FieldBase>,
    #[serde(default)]
    pub links: Vec<LinkBase>,
    /// Links of the leading ticket that the following desk does not have, and why; said to people.
    #[serde(default)]
    pub unheld: Vec<Unheld>,
    /// By desk, a status that has to stand there after messages which were being written: the work was interrupted if it is still here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owed: BTreeMap<Side, Owed>,
    /// Desks that may still be kept silent about this ticket because of our messages, although their people work there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hushed: BTreeSet<Side>,
    /// Messages of the following desk that the leading one, whose ticket is closed for good, cannot take: people were told.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stays: BTreeSet<MessageId>,
    /// Fields of the leading ticket that hold something and are not carried, at the last look; said to people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// Why the ticket was not in the mirror's scope at the last look; said to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<String>,
    /// The following ticket's stamp under which fields were written last: a person's act after it is what the guard looks for.
    #[serde(default)]
    pub written_on: Option<String>,
    /// Fields that the guard holds back.
    #[serde(default)]
    pub held: Option<Held>,
    /// At the last look the following ticket held something of its own that was not carried: the other desk hears of it when the lead
    /// turns.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub follow_has_own: bool,
}

impl Base {
    /// As the base of a pair that this desk leads. What was agreed on does not depend on who leads; what was noted about the desk that
    /// followed, and is to be written there, does. Where that desk's own value stood by the policy, nothing is agreed on.
    pub fn led_by(mut self, lead: Side) -> Self {
        if self.lead == lead {
            return self;
        }
        self.fields.retain(|_, field| field.apart != Some(Apart::ByPolicy));
        Self { lead, unheld: Vec::new(), stays: BTreeSet::new(), left_out: Vec::new(), written_on: None, held: None, ..self }
    }
}

/// Writes that wait until the people at work on the following ticket are quiet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// By the source's key.
    pub fields: Vec<FieldKey>,
    /// Our clock; later, if somebody goes on.
    pub until: DateTime<Utc>,
}

/// One field to be written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldWrite {
    /// The source desk's key: what the base is kept under.
    pub source: FieldKey,
    /// The following desk's key.
    pub key: FieldKey,
    /// The leading value that this carries.
    pub lead: Value,
    /// What the following desk held when it was decided.
    pub before: Value,
    pub intended: Value,
    #[serde(default)]
    pub why: Reason,
    /// When the leading value came about, by the leading desk's clock, where its acts tell.
    #[serde(default)]
    pub at: Option<DateTime<Utc>>,
    /// The value written does not stand for the leading one.
    #[serde(default)]
    pub apart: Option<Apart>,
}

impl FieldWrite {
    /// It puts back what stood there before messages of ours: nothing is agreed on by it.
    pub fn is_standing(&self) -> bool {
        self.why == Reason::Stands
    }

    /// What is agreed on once it stands.
    pub fn agreed(&self, lead: Side) -> FieldBase {
        let field = FieldBase::from_lead(lead, self.lead.clone(), self.intended.clone());
        FieldBase { at: self.at, apart: self.apart, ..field }
    }
}

/// Why the two values of a field do not stand for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apart {
    /// The following desk's own value stood against the leading one by the policy. It is still its people's: overwriting it
    /// later is told as a conflict again.
    ByPolicy,
    /// A person decided so: it stands until the leading value changes.
    ByPerson,
}

impl Base {
    /// Fields of which the following desk kept nothing at all, although something was written, since it was as `before`.
    pub fn not_kept(&self, lead: Side, before: Option<&Base>) -> Vec<&FieldKey> {
        let empty =
            |field: &FieldBase| field.flagged && *field.of(lead) != Value::Empty && *field.of(lead.other()) == Value::Empty;
        let known = |key: &FieldKey, field: &FieldBase| before.and_then(|before| before.fields.get(key)) == Some(field);
        self.fields.iter().filter(|(key, field)| empty(field) && !known(key, field)).map(|(key, _)| key).collect()
    }
}

/// A status that is owed, and the stamp of the ticket that it is owed to when it was decided: a person's act after it ends the debt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Owed {
    pub write: FieldWrite,
    pub after: Option<String>,
}

/// One field as both sides held it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldBase {
    pub source: Value,
    /// As read back from the target, in the target's own normal form.
    pub target: Value,
    /// The target did not keep what was written (a rule of its own, or a value it cannot hold).
    #[serde(default)]
    pub flagged: bool,
    /// Written and not read back yet: `target` is what was meant.
    #[serde(default)]
    pub unread: bool,
    /// The target's stamp before that write: a person's act after it is not ours.
    #[serde(default)]
    pub written_after: Option<String>,
    /// When the leading value came about, by the leading desk's clock: a write of ours carries this time, not its own.
    #[serde(default)]
    pub at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub apart: Option<Apart>,
    /// The two were not the same when another tool's copy was adopted, and nobody knows why: the next change of the leading value is
    /// decided as if both had changed.
    #[serde(default)]
    pub unknown: bool,
}

impl FieldBase {
    /// The value of one side.
    pub fn of(&self, side: Side) -> &Value {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// Takes another value of one side.
    pub fn put(&mut self, side: Side, value: Value) {
        match side {
            Side::Source => self.source = value,
            Side::Target => self.target = value,
        }
    }

    /// From the leading and the following value.
    pub fn from_lead(lead: Side, leading: Value, following: Value) -> Self {
        let (source, target) = match lead {
            Side::Source => (leading, following),
            Side::Target => (following, leading),
        };
        Self { source, target, flagged: false, unread: false, written_after: None, at: None, apart: None, unknown: false }
    }
}

/// A link between tickets that was carried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkBase {
    pub source: Link,
    pub target: Link,
}

/// A link of the leading ticket that cannot be at the following desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unheld {
    /// In the leading desk's words.
    pub link: Link,
    pub why: Why,
}

/// Why a link cannot be at the following desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The desk has no links of this kind.
    NoSuchLink,
    /// The other ticket is out of scope, or was gone before it could be carried.
    NotCarried,
    /// The desk links tickets of certain types only, and one of the two is of another.
    Types,
}

impl Why {
    /// For people.
    pub fn sentence(self) -> &'static str {
        match self {
            Why::NoSuchLink => "this desk has no such links",
            Why::NotCarried => "that ticket is not carried over",
            Why::Types => "this desk does not link tickets of these types",
        }
    }
}

/// Which message became which, and what the original looked like then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageLink {
    /// The desk at which somebody wrote it; our copy of it is at the other one.
    pub born: Side,
    pub original: MessageId,
    /// `None` while the desk that holds the copy has not told its id yet.
    pub copy: Option<MessageId>,
    /// Of the original's words, as [`super::digest::words`] spells them.
    pub digest: String,
    /// Who can read the copy.
    pub visibility: Visibility,
    /// The original's files that were carried or accounted for.
    pub files: Vec<AttachmentId>,
    /// The original was restricted, and the desk that holds the copy cannot follow: a person was told.
    pub exposed: bool,
}

impl MessageLink {
    /// Which message it is at a desk, be it the original or our copy.
    pub fn at(&self, side: Side) -> Option<&MessageId> {
        if side == self.born { Some(&self.original) } else { self.copy.as_ref() }
    }

    /// Our copy, if this desk holds it.
    pub fn copy_at(&self, side: Side) -> Option<&MessageId> {
        self.copy.as_ref().filter(|_| side != self.born)
    }
}
