//! What becomes of a ticket's fields.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};

use crate::desk::field::{FieldKey, Value};
use crate::desk::mapping::Mapped;
use crate::desk::schema::{FieldKind, FieldSchema};
use crate::desk::ticket::Ticket;
use crate::merge::scene::{Scene, Wanted};

use super::tally::{Found, Tally};
use super::trap;
use super::view::View;

/// Counts what would be lost or changed of the fields.
pub fn look(view: &View<'_>, ticket: &Ticket, tally: &mut Tally) {
    let wanted = view.scene(ticket, |scene| carried(view, scene, ticket, tally));
    required(view, ticket, &wanted, tally);
    closed_to_us(view, ticket, &wanted, tally);
    let followed = wanted.get(&FieldKey::Followers).is_some_and(|value| !value.persons().is_empty());
    for rule in view.rules.mailing_followers().filter(|_| followed) {
        tally.note(Found::new(&trap::FOLLOWERS, "", &ticket.id).value(&rule.title));
    }
}

/// The target's fields as the mirror would write them. A field that cannot be mapped is there as it was.
fn carried(view: &View<'_>, scene: &Scene<'_>, ticket: &Ticket, tally: &mut Tally) -> BTreeMap<FieldKey, Value> {
    let mut all = BTreeMap::new();
    for (key, lead) in &ticket.fields {
        let Some(target) = view.config.mapping.field(key) else { continue };
        let shown = view.shows(key);
        let one = One { shown, view, ticket, key: &key.to_string(), target, schema: view.target.fields.get(target) };
        match scene.wanted(key, lead) {
            Wanted::Unmapped(words) => {
                words.iter().for_each(|word| tally.note(one.found(&trap::UNMAPPED).shown(shown, word)));
                all.insert(target.clone(), lead.clone());
            }
            Wanted::Value(value) => {
                one.judge(key, lead, &value, tally);
                all.insert(target.clone(), value);
            }
            Wanted::Unknown => {}
        }
    }
    all
}

/// One field of one ticket.
struct One<'a> {
    view: &'a View<'a>,
    ticket: &'a Ticket,
    /// The source's field.
    key: &'a str,
    /// Its words may be told.
    shown: bool,
    target: &'a FieldKey,
    schema: Option<&'a FieldSchema>,
}

impl<'a> One<'a> {
    fn found(&self, trap: &'static trap::Trap) -> Found<'a> {
        Found::new(trap, self.key, &self.ticket.id)
    }

    fn judge(&self, key: &FieldKey, lead: &Value, value: &Value, tally: &mut Tally) {
        self.fitted(key, lead, value, tally);
        let Some(schema) = self.schema else { return };
        if self.target == &FieldKey::Status && value.words().first().copied() == self.view.target_can.immutable_status {
            let status = self.view.target_can.immutable_status.unwrap_or_default();
            tally.note(Found::new(&trap::CLOSED, "", &self.ticket.id).value(status));
        }
        if let Some(options) = &schema.options {
            let missing = value.words().into_iter().filter(|word| !options.contains(*word));
            missing.for_each(|word| tally.note(self.found(&trap::NO_OPTION).shown(self.shown, word)));
        }
        let holds_many = matches!(schema.kind, FieldKind::MultiChoice | FieldKind::Words | FieldKind::People);
        if !holds_many && matches!(value, Value::Set(set) if set.len() > 1) {
            tally.note(self.found(&trap::MANY_TO_ONE));
        }
        value.words().into_iter().for_each(|word| self.spelled(schema.kind, word, tally));
    }

    /// What the mirror itself cuts or spells otherwise.
    fn fitted(&self, key: &FieldKey, lead: &Value, value: &Value, tally: &mut Tally) {
        if *key == FieldKey::Subject {
            let limit = self.view.target_can.subject_limit;
            if lead.words().iter().any(|text| text.split_whitespace().collect::<Vec<_>>().join(" ").chars().count() > limit) {
                tally.note(Found::new(&trap::CUT_SUBJECT, "", &self.ticket.id).limit(limit));
            }
        } else if *self.target == FieldKey::Tags
            && let Mapped::Value(mapped) = self.view.config.mapping.value(key, lead)
        {
            let kept = value.words();
            let changed = mapped.words().into_iter().filter(|tag| !kept.contains(tag));
            changed.for_each(|tag| tally.note(Found::new(&trap::CHANGED_TAGS, "", &self.ticket.id).value(tag)));
        }
    }

    /// Whether a word is what the target's kind of field takes.
    fn spelled(&self, kind: FieldKind, word: &str, tally: &mut Tally) {
        let wrong = match kind {
            FieldKind::Integer if word.parse::<i64>().is_err() => Some(&trap::NUMBER),
            FieldKind::Decimal if word.parse::<f64>().is_err() => Some(&trap::NUMBER),
            FieldKind::Date if !is_day(word) && !is_time(word) => Some(&trap::DATE),
            FieldKind::DateTime if !is_day(word) && !is_time(word) => Some(&trap::DATE),
            FieldKind::Checkbox if !matches!(word, "true" | "false") => Some(&trap::CHECKBOX),
            _ => None,
        };
        if let Some(trap) = wrong {
            tally.note(self.found(trap));
        }
        let Some(pattern) = self.view.patterns.get(self.target) else { return };
        match pattern.matches(word) {
            Some(true) => {}
            Some(false) => tally.note(self.found(&trap::PATTERN).limit(&pattern.text)),
            None => tally.note(self.found(&trap::PATTERN_UNREAD).limit(&pattern.text)),
        }
    }
}

fn is_day(word: &str) -> bool {
    NaiveDate::parse_from_str(word, "%Y-%m-%d").is_ok()
}

fn is_time(word: &str) -> bool {
    DateTime::parse_from_rfc3339(word).is_ok()
}

/// Values for fields that our user may not write there.
fn closed_to_us(view: &View<'_>, ticket: &Ticket, wanted: &BTreeMap<FieldKey, Value>, tally: &mut Tally) {
    let group = wanted.get(&FieldKey::Group).and_then(|value| value.words().first().copied());
    let absent = group.and_then(|group| Some((group, view.survey.absent.get(group)?)));
    for (key, _) in wanted.iter().filter(|(_, value)| **value != Value::Empty) {
        let of = key.to_string();
        if view.survey.read_only.contains(key) {
            tally.note(Found::new(&trap::READ_ONLY, &of, &ticket.id));
        }
        if let Some((group, _)) = absent.filter(|(_, absent)| absent.contains(key)) {
            tally.note(Found::new(&trap::NOT_IN_GROUP, &of, &ticket.id).value(group));
        }
    }
}

/// What the target asks for and would not get.
fn required(view: &View<'_>, ticket: &Ticket, wanted: &BTreeMap<FieldKey, Value>, tally: &mut Tally) {
    let empty = |key: &FieldKey| wanted.get(key).is_none_or(|value| *value == Value::Empty);
    let missing = view.target.fields.iter().filter(|(key, schema)| schema.required && empty(key));
    for (key, _) in missing {
        tally.note(Found::new(&trap::REQUIRED, &key.to_string(), &ticket.id));
    }
    for rule in &view.survey.dependent {
        let holds = wanted.get(&rule.parent).is_some_and(|value| value.words().contains(&rule.value.as_str()));
        let on_form = rule.form.as_deref().is_none_or(|form| match wanted.get(&FieldKey::Form) {
            Some(value) => value.words().contains(&form),
            None => true,
        });
        if holds && on_form && empty(&rule.child) {
            let why = format!("{} = {}", rule.parent, rule.value);
            tally.note(Found::new(&trap::DEPENDENT, &rule.child.to_string(), &ticket.id).value(&why));
        }
    }
}
