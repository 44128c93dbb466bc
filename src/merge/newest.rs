//! Whoever changed a field last wins (rule 23): times of two desks, whose clocks differ, and which both tell whole seconds only.

use chrono::{DateTime, TimeDelta, Utc};

use crate::desk::field::FieldKey;
use crate::desk::ticket::{Actor, Ticket};

use super::base::FieldBase;
use super::field::Winner;
use super::hand::acts;

/// Desks tell times as whole seconds.
const TICK: TimeDelta = TimeDelta::seconds(1);

/// How far a desk's clock is ahead of ours: no less and no more than this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    pub least: TimeDelta,
    pub most: TimeDelta,
}

impl Skew {
    /// A desk told its time in an answer that was asked for and came at these times of our clock.
    pub fn of(told: DateTime<Utc>, asked: DateTime<Utc>, came: DateTime<Utc>) -> Self {
        Self { least: told - came, most: told + TICK - asked }
    }

    /// Between which times of our clock the desk's second was.
    pub fn span(self, at: DateTime<Utc>) -> (DateTime<Utc>, DateTime<Utc>) {
        (at - self.most, at + TICK - self.least)
    }
}

/// The clocks of both desks; `None` for one that does not tell its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    pub lead: Option<Skew>,
    pub follow: Option<Skew>,
}

/// When the leading value came about: by the last act, or, where that was ours, at the time that our write carried.
pub(super) fn said_at(ticket: &Ticket, key: &FieldKey, base: Option<&FieldBase>) -> Option<DateTime<Utc>> {
    let last = acts(ticket, key).next_back()?;
    if last.by == Actor::Us { base.and_then(|base| base.at) } else { Some(last.at) }
}

/// When a person of the following desk last set the field: what its rules and we did to it since is no news.
pub(super) fn set_at(ticket: &Ticket, key: &FieldKey) -> Option<DateTime<Utc>> {
    acts(ticket, key).rev().find(|act| act.by == Actor::Person).map(|act| act.at)
}

/// Who was later. `Ask` where the records or the clocks do not tell.
pub(super) fn later(lead: Option<DateTime<Utc>>, follow: Option<DateTime<Utc>>, clocks: Clocks) -> Winner {
    let span = |at: Option<DateTime<Utc>>, skew: Option<Skew>| Some(skew?.span(at?));
    match (span(lead, clocks.lead), span(follow, clocks.follow)) {
        (Some((from, _)), Some((_, to))) if from > to => Winner::Lead,
        (Some((_, to)), Some((from, _))) if from > to => Winner::Follow,
        _ => Winner::Ask,
    }
}
