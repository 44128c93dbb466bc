//! Everything that a decision about one ticket sees.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::desk::Side;
use crate::desk::capability::Capabilities;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::PersonId;
use crate::desk::mapping::{Mapped, Mapping};
use crate::desk::person::Role;
use crate::desk::policy::{Conflict, Policy};
use crate::desk::ticket::{Actor, Ticket, newer};
use crate::mirror::KeySpace;

use super::base::{Base, MessageLink, Owed};
use super::field::Winner;
use super::links::Ends;
use super::newest::{Clocks, later, said_at, set_at};
use super::ruling::Ruling;

/// Both tickets as they are, what was agreed before, and the rules of the mirror.
pub struct Scene<'a> {
    /// The side that leads this pair.
    pub lead_side: Side,
    pub lead: &'a Ticket,
    /// `None`: not made yet.
    pub follow: Option<&'a Ticket>,
    pub lead_can: &'a Capabilities,
    pub follow_can: &'a Capabilities,
    pub keys: &'a KeySpace,
    /// How many follow-ups went before: part of the ticket's key.
    pub part: u16,
    pub base: &'a Base,
    pub linked: &'a [MessageLink],
    /// Fields that are to be rewritten because their mapping changed, with what the mapping before wanted; `None`: it went into
    /// another field.
    pub reapply: &'a BTreeMap<FieldKey, Option<Value>>,
    /// Leading person to following person; `Some(None)`: looked up, and there is nobody to act as.
    pub people: &'a BTreeMap<PersonId, Option<PersonId>>,
    /// The other ends of links.
    pub ends: &'a Ends,
    pub mapping: &'a Mapping,
    pub policy: &'a Policy,
    /// What people decided about fields and is not carried out yet.
    pub rulings: &'a [Ruling],
    /// `None`: not looked at; a plan that needs them says so.
    pub clocks: Option<Clocks>,
    /// Our clock.
    pub now: DateTime<Utc>,
}

/// A field's value in the following desk's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    Value(Value),
    /// No word for these.
    Unmapped(Vec<String>),
    /// Nobody is known yet for these people.
    Unknown,
}

impl Scene<'_> {
    /// Turns a leading value into the following desk's words.
    pub fn wanted(&self, key: &FieldKey, value: &Value) -> Wanted {
        match value {
            Value::Person(person) => match self.people.get(person) {
                Some(Some(found)) => Wanted::Value(Value::Person(found.clone())),
                Some(None) => Wanted::Value(Value::Empty),
                None => Wanted::Unknown,
            },
            Value::People(people) => {
                if people.iter().any(|person| !self.people.contains_key(person)) {
                    return Wanted::Unknown;
                }
                Wanted::Value(Value::people(people.iter().filter_map(|person| self.people[person].clone())))
            }
            value => match self.mapping.value(key, value) {
                Mapped::Value(value) => Wanted::Value(self.fitted(key, value)),
                Mapped::Unmapped(words) => Wanted::Unmapped(words),
            },
        }
    }

    /// Cut to what the following desk can hold, so that the cut value is recognised as ours afterwards.
    pub(super) fn fitted(&self, key: &FieldKey, value: Value) -> Value {
        match (key, value) {
            (FieldKey::Subject, Value::Text(text)) => {
                let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
                Value::text(one_line.chars().take(self.follow_can.subject_limit).collect::<String>().trim_end())
            }
            (_, Value::Set(tags)) if self.follow_can.plain_tags && self.mapping.field(key) == Some(&FieldKey::Tags) => {
                Value::set(tags.iter().map(|tag| plain_tag(tag)).filter(|tag| !tag.is_empty()))
            }
            (_, value) => value,
        }
    }

    /// The status that is still owed, unless a person has set another one since.
    pub fn owed(&self) -> Option<&Owed> {
        let owed = self.base.owed.get(&self.lead_side.other())?;
        let by_person = self.follow.is_some_and(|follow| {
            follow.acts.iter().any(|act| {
                act.by == Actor::Person
                    && act.fields.contains(&owed.write.key)
                    && owed.after.as_deref().is_none_or(|stamp| newer(&act.id, stamp))
            })
        });
        (!by_person).then_some(owed)
    }

    /// Who wins a conflict in this field; `there`: the following desk's key of it. `None`: both desks' clocks have to be known.
    pub fn winner(&self, key: &FieldKey, there: &FieldKey) -> Option<Winner> {
        Some(match self.policy.conflict_in(key) {
            Conflict::NewestWins => return self.newest(key, there),
            Conflict::SourceWins if self.lead_side == Side::Source => Winner::Lead,
            Conflict::TargetWins if self.lead_side == Side::Target => Winner::Lead,
            Conflict::SourceWins | Conflict::TargetWins => Winner::Follow,
            Conflict::Ask => Winner::Ask,
        })
    }

    fn newest(&self, key: &FieldKey, there: &FieldKey) -> Option<Winner> {
        let clocks = self.clocks?;
        let base = self.base.fields.get(key);
        let follow = self.follow.and_then(|follow| set_at(follow, there));
        Some(later(said_at(self.lead, key, base), follow, clocks))
    }
}

/// In lower case, white space as `_`.
fn plain_tag(tag: &str) -> String {
    tag.to_lowercase().split_whitespace().collect::<Vec<_>>().join("_")
}

/// A person who has to be known at the following desk before anything can be planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    pub person: PersonId,
    /// A customer is made if the desk does not know them; an agent never is (seats are bought by people).
    pub may_create: bool,
    /// Even if they turn out to work at the leading desk: they stand where a customer stands.
    pub as_customer: bool,
}

/// Whom a leading ticket names, or named in a set of people when both desks last agreed, each once: whoever was taken out
/// can only be taken out at the following desk if it is known who that is there.
pub fn people_needed(lead: &Ticket, before: &[&Value], follow_can: &Capabilities, mapping: &Mapping) -> Vec<Needed> {
    let sets = before.iter().filter(|value| matches!(value, Value::People(_)));
    let mut needed: BTreeMap<PersonId, (bool, bool)> =
        sets.flat_map(|value| value.persons()).map(|person| (person.clone(), (false, false))).collect();
    let customer = |id: &PersonId| lead.person(id).is_none_or(|person| person.role == Role::Customer);
    for (key, value) in &lead.fields {
        let Some(_) = mapping.field(key) else { continue };
        for person in value.persons() {
            let as_customer = matches!(key, FieldKey::Requester | FieldKey::Cc);
            let may_create = as_customer || (customer(person) && *key != FieldKey::Assignee);
            let known = needed.entry(person.clone()).or_default();
            *known = (known.0 | may_create, known.1 | as_customer);
        }
    }
    if follow_can.sets_author == crate::desk::capability::SetsAuthor::Always {
        for message in &lead.messages {
            needed.entry(message.author.clone()).or_default().0 |= customer(&message.author);
        }
    }
    needed.into_iter().map(|(person, (may_create, as_customer))| Needed { person, may_create, as_customer }).collect()
}
