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

/// A field that is carried, as each desk calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The source desk's: what the base is kept under.
    pub source: FieldKey,
    pub lead: FieldKey,
    pub follow: FieldKey,
}

impl Scene<'_> {
    /// A field of the leading desk; `None`: it is not carried.
    pub fn names(&self, lead: &FieldKey) -> Option<Names> {
        let (source, follow) = match self.lead_side {
            Side::Source => (lead.clone(), self.mapping.field(lead)?.clone()),
            Side::Target => {
                let source = self.mapping.source_field(lead)?;
                (source.clone(), source)
            }
        };
        Some(Names { source, lead: lead.clone(), follow })
    }

    /// What the leading desk calls a carried field of the source.
    pub fn lead_key<'k>(&'k self, source: &'k FieldKey) -> &'k FieldKey {
        self.mapping.field_at(self.lead_side, source).unwrap_or(source)
    }

    /// Turns a leading value into the following desk's words; `key`: the source's field.
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
            value => {
                let said = self.without_our_tags(key, value);
                let mapped = match self.lead_side {
                    Side::Source => self.mapping.value(key, &said),
                    Side::Target => self.back(key, &said),
                };
                match mapped {
                    Mapped::Value(value) => Wanted::Value(self.fitted(key, value)),
                    Mapped::Unmapped(words) => Wanted::Unmapped(words),
                }
            }
        }
    }

    /// Tags of ours say nothing about a ticket.
    fn without_our_tags(&self, key: &FieldKey, value: &Value) -> Value {
        match value {
            Value::Set(words) if *self.lead_key(key) == FieldKey::Tags => {
                Value::set(words.iter().filter(|word| !self.policy.tags.holds(word)).cloned())
            }
            value => value.clone(),
        }
    }

    /// What a leading target's value is in the source's words. What the source holds already and becomes it is kept, and so is each
    /// word of a set that stands for one of it.
    fn back(&self, key: &FieldKey, value: &Value) -> Mapped {
        let before = match self.base.fields.get(key) {
            Some(base) if base.source.is_set() => Some(&base.source),
            _ => self.follow.and_then(|follow| follow.fields.get(key)),
        };
        let before = before.unwrap_or(&Value::Empty);
        let image = |value: &Value| match self.mapping.value(key, value) {
            Mapped::Value(value) => Some(self.cut(self.lead_can, self.lead_key(key), value)),
            Mapped::Unmapped(_) => None,
        };
        if image(before).as_ref() == Some(value) {
            return Mapped::Value(before.clone());
        }
        let value = match value {
            Value::Set(words) => Value::set(words.iter().map(|word| self.as_written(key, before, word))),
            value => value.clone(),
        };
        let ends = self.follow_can.immutable_status.filter(|_| *key == FieldKey::Status);
        self.mapping.inverse(key, before, &value, ends)
    }

    /// A word of the target's set as the mapping spelled it before the desk did so in its own way.
    fn as_written(&self, key: &FieldKey, before: &Value, word: &str) -> String {
        let spelled = before.words().into_iter().filter_map(|held| match self.mapping.value(key, &Value::text(held)) {
            Mapped::Value(Value::Text(to)) => Some(to),
            _ => None,
        });
        let plain = self.lead_can.plain_tags && *self.lead_key(key) == FieldKey::Tags;
        let found = spelled.into_iter().find(|spelled| plain && plain_tag(spelled) == word);
        found.unwrap_or_else(|| word.to_string())
    }

    /// Cut to what the following desk can hold, so that the cut value is recognised as ours afterwards.
    pub(super) fn fitted(&self, key: &FieldKey, value: Value) -> Value {
        let there = self.mapping.field_at(self.lead_side.other(), key);
        self.cut(self.follow_can, there.unwrap_or(key), value)
    }

    /// `there`: the field as the desk calls it that can do this.
    fn cut(&self, can: &Capabilities, there: &FieldKey, value: Value) -> Value {
        match (there, value) {
            (FieldKey::Subject, Value::Text(text)) => {
                let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
                Value::text(one_line.chars().take(can.subject_limit).collect::<String>().trim_end())
            }
            (FieldKey::Tags, Value::Set(tags)) if can.plain_tags => {
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
        Some(later(said_at(self.lead, self.lead_key(key), base), follow, clocks))
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
pub fn people_needed(
    (side, lead): (Side, &Ticket),
    before: &[&Value],
    follow_can: &Capabilities,
    mapping: &Mapping,
) -> Vec<Needed> {
    let sets = before.iter().filter(|value| matches!(value, Value::People(_)));
    let mut needed: BTreeMap<PersonId, (bool, bool)> =
        sets.flat_map(|value| value.persons()).map(|person| (person.clone(), (false, false))).collect();
    let customer = |id: &PersonId| lead.person(id).is_none_or(|person| person.role == Role::Customer);
    for (key, value) in &lead.fields {
        let carried = if side == Side::Source { mapping.field(key).is_some() } else { mapping.source_field(key).is_some() };
        if !carried {
            continue;
        }
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
