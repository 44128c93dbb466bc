//! One pair before the judge: what is known of it, and what was found.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::desk::Side;
use crate::desk::capability::Capabilities;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::{PersonId, TicketId};
use crate::desk::mapping::Mapping;
use crate::desk::policy::Policy;
use crate::desk::ticket::{Act, Actor, Ticket, number_of};
use crate::ledger::check::{PairRecord, PersonRecord};
use crate::ledger::pair::Pair;
use crate::mirror::KeySpace;

use super::report::{Difference, Kind, Remedy};
use super::words::cut;

/// Both tickets, the records about them, and the rules of the mirror.
pub struct Case<'a> {
    /// The desk that leads the pair: the other one has to say what it says.
    pub lead: Side,
    pub pair: &'a Pair,
    pub record: &'a PairRecord,
    pub source: &'a Ticket,
    pub target: &'a Ticket,
    pub source_can: &'a Capabilities,
    pub target_can: &'a Capabilities,
    pub mapping: &'a Mapping,
    pub policy: &'a Policy,
    pub keys: &'a KeySpace,
    /// Whoever the source ticket names.
    pub people: &'a BTreeMap<PersonId, Known>,
    /// Following tickets that stand for the other ends of the leading ticket's links.
    pub ends: &'a BTreeMap<TicketId, End>,
    /// People of a leading target for whom it was looked up that nobody stands at the source.
    pub absent: &'a BTreeSet<PersonId>,
}

/// Words about the desk that follows, where it is the new one and where it is the old one.
pub type Told = [&'static str; 2];

/// What is known of a person of the source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Names and addresses that they had, the latest first.
    pub names: Vec<String>,
    pub emails: Vec<String>,
    /// `None`: nobody looked them up.
    pub link: Option<PersonRecord>,
    /// The source does not know the id any more.
    pub unknown: bool,
}

impl Known {
    /// Who stands for them at the target.
    pub fn target(&self) -> Option<&PersonId> {
        self.link.as_ref().and_then(|link| link.there.as_ref())
    }

    /// It was looked up that nobody stands for them.
    pub fn is_nobody(&self) -> bool {
        self.target().is_none() && (self.link.is_some() || self.unknown)
    }
}

/// The other end of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Target tickets that may stand for it: its own, and the one that it was merged into.
    Carried(BTreeSet<TicketId>),
    /// It is not of this mirror, or was deleted before it could be carried.
    NotCarried,
    /// It should be there and is not yet.
    Awaited,
}

/// Who, besides us, had a hand in something of the following ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hands {
    pub person: bool,
    pub rule: bool,
}

impl Hands {
    /// Somebody did.
    pub fn any(self) -> bool {
        self.person || self.rule
    }

    /// In words.
    pub fn reason(self) -> Told {
        if self.person { BY_PERSON } else { BY_RULE }
    }
}

/// Explanations that several kinds of things have.
pub const BY_PERSON: Told = ["changed in the new desk by its people", "changed in the old desk by its people"];
pub const BY_RULE: Told = ["changed in the new desk by its own rules", "changed in the old desk by its own rules"];
pub const CLOSED: Told = ["the new desk's ticket is closed for good", "the old desk's ticket is closed for good"];
pub const EXPOSED: &str = "exposed, a person was told";

impl Case<'_> {
    /// The ticket that counts.
    pub fn leading(&self) -> &Ticket {
        if self.lead == Side::Source { self.source } else { self.target }
    }

    /// The ticket that has to say the same.
    pub fn following(&self) -> &Ticket {
        if self.lead == Side::Source { self.target } else { self.source }
    }

    /// What the following desk can do.
    pub fn following_can(&self) -> &Capabilities {
        if self.lead == Side::Source { self.target_can } else { self.source_can }
    }

    /// For people.
    pub fn following_name(&self) -> &'static str {
        self.told(["new desk", "old desk"])
    }

    /// The words that fit the desk that follows.
    pub fn told(&self, words: Told) -> &'static str {
        words[usize::from(self.lead == Side::Target)]
    }

    /// Who had a hand in a field of the following ticket.
    pub fn hands(&self, field: &FieldKey) -> Hands {
        self.hands_in(|fields| fields.contains(field))
    }

    /// Who had a hand in a field of the following ticket since we wrote it last: what was done to it before explains nothing that stands now.
    /// Of a status it is known what each act left: only one that left what stands explains it.
    pub fn last_hands(&self, field: &FieldKey) -> Hands {
        let touched = || self.following().acts.iter().filter(|act| act.fields.contains(field));
        let ours = touched().filter(|act| act.by == Actor::Us).filter_map(|act| number_of(&act.id)).max();
        // What a rule makes of our write stands in the same entry of some desks' histories.
        let since = |act: &&Act| number_of(&act.id) >= ours;
        // Where we put a status back that our message had changed, it is the one that somebody set before.
        let back = self.lead == Side::Target && *field == FieldKey::Status;
        let stands = self.following().fields.get(field).map(Value::words).unwrap_or_default();
        let left = |act: &Act| act.status.as_deref().is_none_or(|left| *field != FieldKey::Status || stands == [left]);
        let last = |by, ever: bool| {
            let acts = touched().filter(|act| act.by == by && (ever || since(act)));
            acts.max_by_key(|act| number_of(&act.id)).is_some_and(left)
        };
        Hands { person: last(Actor::Person, back), rule: last(Actor::Rule, false) }
    }

    /// Whether somebody, besides us, had a hand in a field of the leading ticket by then.
    pub fn had_hands(&self, field: &FieldKey, then: DateTime<Utc>) -> bool {
        self.leading().acts.iter().any(|act| act.at <= then && act.by != Actor::Us && act.fields.contains(field))
    }

    /// Who had a hand in the following ticket at all.
    pub fn any_hands(&self) -> Hands {
        self.hands_in(|_| true)
    }

    fn hands_in(&self, touched: impl Fn(&BTreeSet<FieldKey>) -> bool) -> Hands {
        let by = |actor| self.following().acts.iter().any(|act| act.by == actor && touched(&act.fields));
        Hands { person: by(Actor::Person), rule: by(Actor::Rule) }
    }

    /// Nothing of the following ticket can be changed any more.
    pub fn is_closed(&self) -> bool {
        self.following().immutable
    }
}

/// What was found about one pair.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Findings {
    pub differences: Vec<Difference>,
    pub explained: Vec<&'static str>,
    /// Something is on its way, by no fault.
    pub moving: Option<&'static str>,
    pub not_compared: BTreeSet<String>,
    pub messages: u64,
    pub attachments: u64,
    pub bytes: u64,
}

impl Findings {
    /// Notes a difference; the caller names the tickets at the end.
    pub fn differ(&mut self, kind: Kind, what: impl Into<String>, source: &str, target: &str) {
        let difference = Difference {
            kind,
            source_ticket: None,
            target_ticket: None,
            what: what.into(),
            source: cut(source, 0),
            target: cut(target, 0),
            remedy: Remedy::ByHand,
        };
        self.differences.push(difference);
    }

    /// What can be done about the difference that was noted last.
    pub fn mend(&mut self, remedy: Remedy) {
        if let Some(difference) = self.differences.last_mut() {
            difference.remedy = remedy;
        }
    }

    /// Notes a difference that is explained.
    pub fn explain(&mut self, reason: &'static str) {
        self.explained.push(reason);
    }

    /// Writes the tickets into all differences that name none.
    pub fn name_tickets(&mut self, source: Option<&TicketId>, target: Option<&TicketId>) {
        for difference in &mut self.differences {
            difference.source_ticket = difference.source_ticket.take().or_else(|| source.map(TicketId::to_string));
            difference.target_ticket = difference.target_ticket.take().or_else(|| target.map(TicketId::to_string));
        }
    }
}
