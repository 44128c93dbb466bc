//! A mirror: one source to target pair of desks, and the states that it goes through.
//!
//! ```text
//!  applied ──backfill starts──► copying ──everything listed is applied──► mirroring
//!    │                          ▲    ▲                                       │  ▲
//!    │ a sample is copied       │    └────────── backfill again ─────────────┘  │
//!    ▼                          │                                               │
//!  rehearsing ──────────────────┘     applied ──another tool's copy is adopted──┘
//!    ▲
//!    └── everything is taken back, from any phase before the switch
//!
//!  mirroring ──go──► switching ──authority turned──► switched ──retire──► retired
//!      ▲    ◄─undone─┘       └─undone─► ▲               │
//!      └──────authority turned──── switching ◄──back────┘
//! ```
//! Where a mirror's tickets are switched in windows, a switch ends *switched* once the new desk leads every window, *mirroring* once the old one
//! does, and *partly-switched* in between: then each window has its own answer.
//!
//! Webhooks and polls are read in every phase from the moment the mirror is served: the witness starts before the listing. While it is only
//! *applied*, nothing is carried: what changes waits in its lanes for a copy, which asks for the check of the mirror file. While it is
//! rehearsed, only the sample and what is in the target already is carried; the rest waits for the copy.
//! A mirror that carries its changes in runs does so while it is *mirroring*: between them they wait in their lanes. From the first switch on
//! they are carried as they come.
//! A mirror can be paused in any phase; then hints are still received and nothing is written.
//!
//! The old desk leads up to *mirroring*; while a switch is under way each ticket has its own answer (its pair's authority); from
//! *switched* on the new desk leads, of a *partly-switched* mirror only some of the windows. Copies, samples, adoptions and taking back belong to the time before the switch: the verbs for them refuse
//! afterwards, because they would make or remove tickets of a desk that people work in. A retired mirror is not served: nothing is received,
//! asked or written, and what it knows stays.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::desk::Side;

/// A mirror's id in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MirrorId(pub Uuid);

/// A pair's id in the ledger; its lane has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PairId(pub i64);

/// Where a mirror stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Applied,
    /// Only a sample was copied, or nothing any more.
    Rehearsing,
    Copying,
    Mirroring,
    /// A switch of who leads is under way, in either direction.
    Switching,
    /// The target leads some windows, and the source the others.
    #[serde(rename = "partly-switched")]
    PartlySwitched,
    /// The target leads.
    Switched,
    /// Over.
    Retired,
}

impl Phase {
    const ALL: [Phase; 8] = [
        Phase::Applied,
        Phase::Rehearsing,
        Phase::Copying,
        Phase::Mirroring,
        Phase::Switching,
        Phase::PartlySwitched,
        Phase::Switched,
        Phase::Retired,
    ];

    /// The word stored in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Applied => "applied",
            Phase::Rehearsing => "rehearsing",
            Phase::Copying => "copying",
            Phase::Mirroring => "mirroring",
            Phase::Switching => "switching",
            Phase::PartlySwitched => "partly-switched",
            Phase::Switched => "switched",
            Phase::Retired => "retired",
        }
    }

    /// From the word in the ledger.
    pub fn parse(word: &str) -> Option<Phase> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word)
    }

    /// Whether the source still leads everything, so that copies may be made and taken back.
    pub fn is_before_switch(self) -> bool {
        matches!(self, Phase::Applied | Phase::Rehearsing | Phase::Copying | Phase::Mirroring)
    }
}

/// The namespace of the keys that a mirror leaves in its target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeySpace(pub String);

impl KeySpace {
    /// The key of a ticket: `tidegate:<mirror key>:t:<source id>`; `part` counts follow-ups from 0.
    pub fn ticket(&self, source: &str, part: u16) -> String {
        match part {
            0 => format!("tidegate:{}:t:{source}", self.0),
            part => format!("tidegate:{}:t:{source}:{part}", self.0),
        }
    }

    /// The key of what we made of a ticket that was born at a side: one of the target's is `tidegate:<mirror key>:u:<target id>`.
    pub fn ticket_of(&self, born: Side, id: &str, part: u16) -> String {
        match born {
            Side::Source => self.ticket(id, part),
            Side::Target => format!("tidegate:{}:u:{id}", self.0),
        }
    }

    /// The key of a copy of a message: of one that was written at the source, `tidegate:<mirror key>:m:<source id>`; of one that was
    /// written at the target, `tidegate:<mirror key>:n:<target id>`.
    pub fn message(&self, born: Side, id: &str) -> String {
        let kind = match born {
            Side::Source => 'm',
            Side::Target => 'n',
        };
        format!("tidegate:{}:{kind}:{id}", self.0)
    }

    /// The key of a ticket that proves that a desk can be written to, and is removed at once.
    pub fn probe(&self, number: &str) -> String {
        format!("tidegate:{}:x:{number}", self.0)
    }

    /// Whether a ticket carries such a key: it is nobody's, and not carried.
    pub fn is_probe(&self, key: &str) -> bool {
        key.strip_prefix(&self.probe("")).is_some()
    }

    /// Whether a key is one of this mirror.
    pub fn is_ours(&self, key: &str) -> bool {
        key.strip_prefix("tidegate:").and_then(|rest| rest.strip_prefix(&self.0)).is_some_and(|rest| rest.starts_with(':'))
    }

    /// The key of a person whom we made for one of the other desk: `tidegate:<mirror key>:p:<source id>`, or
    /// `tidegate:<mirror key>:q:<target id>`.
    pub fn person(&self, side: Side, id: &str) -> String {
        let kind = match side {
            Side::Source => 'p',
            Side::Target => 'q',
        };
        format!("tidegate:{}:{kind}:{id}", self.0)
    }
}
