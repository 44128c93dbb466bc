//! Whose hand was on a field last, as the desks' own records tell.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::desk::field::FieldKey;
use crate::desk::ticket::{Act, Actor, Ticket};

/// Who set a value, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hand {
    pub by: Actor,
    /// A name where the desk told one, else its id of the person.
    pub who: String,
    /// By the clock of the desk.
    pub at: DateTime<Utc>,
}

/// The last hand on a field, ours left out: what we write was said by somebody else.
pub fn last(ticket: &Ticket, key: &FieldKey) -> Option<Hand> {
    let act = acts(ticket, key).rev().find(|act| act.by != Actor::Us)?;
    let name = ticket.person(&act.actor).map(|person| person.name.clone());
    Some(Hand { by: act.by, who: name.unwrap_or_else(|| act.actor.to_string()), at: act.at })
}

/// What was done to a field, oldest first, as far back as was read.
pub(super) fn acts<'a>(ticket: &'a Ticket, key: &'a FieldKey) -> impl DoubleEndedIterator<Item = &'a Act> {
    ticket.acts.iter().filter(move |act| act.fields.contains(key))
}

/// Whether the desk's rules alone had a hand in a field, as far back as was read: what they make of it is nobody's work.
pub(super) fn is_by_rules(ticket: &Ticket, key: &FieldKey) -> bool {
    let by = |actor: Actor| acts(ticket, key).any(|act| act.by == actor);
    by(Actor::Rule) && !by(Actor::Person)
}
