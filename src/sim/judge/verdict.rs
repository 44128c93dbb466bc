//! What the judge found.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// The outcome of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Verdict {
    /// Story tickets that have their target ticket.
    pub tickets: u64,
    /// Source messages found in the target.
    pub messages: u64,
    /// Files found in the target with equal bytes.
    pub attachments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Messages and tickets of the target's own agents that are still as they were left.
    pub agents_messages: u64,
    pub natives: u64,
    /// Field values compared.
    pub fields: u64,
    /// Conflicts that the mirror recorded and that explain a value.
    pub explained: u64,
    pub differences: Vec<Difference>,
}

/// One thing that is not as it was agreed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    pub kind: Kind,
    /// Where known.
    pub source: Option<String>,
    /// Where known.
    pub target: Option<String>,
    /// For people.
    pub what: String,
}

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    MissingTicket,
    DoubledTicket,
    /// A target ticket that nobody made.
    ExtraTicket,
    MissingMessage,
    DoubledMessage,
    /// A target message that nobody wrote.
    ExtraMessage,
    /// Words of a message are missing or others.
    Text,
    Author,
    Time,
    /// Shown to people who must not see it, or hidden from those who should.
    Visibility,
    Order,
    Attachment,
    Inline,
    /// Redacted words are still there.
    Exposed,
    Field,
    Tag,
    People,
    Link,
    Merge,
    Deletion,
    /// A message of the target's own agent is gone or changed.
    AgentMessage,
    /// A ticket of the target's own was touched.
    Native,
    /// The mirror mailed somebody.
    Mail,
    /// The source desk itself does not hold what was done there.
    Stage,
}

impl Verdict {
    /// Both desks agree with the story.
    pub fn agrees(&self) -> bool {
        self.differences.is_empty()
    }

    /// How many differences there are of each kind.
    pub fn by_kind(&self) -> BTreeMap<Kind, usize> {
        let mut kinds = BTreeMap::new();
        for difference in &self.differences {
            *kinds.entry(difference.kind).or_insert(0) += 1;
        }
        kinds
    }

    /// Adds a difference.
    pub(super) fn differ(&mut self, kind: Kind, place: Place<'_>, what: String) {
        let (source, target) = (place.source.map(str::to_string), place.target.map(str::to_string));
        self.differences.push(Difference { kind, source, target, what });
    }
}

/// The two tickets that are looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place<'a> {
    pub source: Option<&'a str>,
    pub target: Option<&'a str>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = self.source.as_deref().unwrap_or("-");
        let target = self.target.as_deref().unwrap_or("-");
        write!(f, "source {source}, target {target}: {}", self.what)
    }
}
