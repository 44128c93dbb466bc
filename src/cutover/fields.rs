//! Fields: what the source holds, in the target's words, against what the target holds. Pure.

use std::collections::BTreeSet;

use chrono::DateTime;

use crate::desk::field::{FieldKey, Value};
use crate::desk::id::PersonId;
use crate::desk::mapping::Mapped;
use crate::desk::policy::Unmapped;
use crate::ledger::check::{AgreedField, ConflictRecord};

use super::case::{CLOSED, Case, Findings};
use super::report::{Kind, Remedy};
use super::words::fold;

const NOT_KEPT: &str = "the new desk did not keep the value: its own normal form or rule";
const CONFLICT: &str = "both desks changed it, and the new one won by the policy";
const DECIDED: &str = "a person decided what the new desk holds";
const UNDECIDED: &str = "nobody has decided yet, see `tidegate conflicts list`";
const LEFT_OUT: &str = "the mapping has no word for it, and the policy leaves it out";
const REMAPPED: &str = "the mapping was changed after it was written";
const NOBODY: &str = "the person has no account in the new desk";
const TOO_LONG: &str = "cut to what the new desk can hold";
const MERGED: &str = "another ticket was merged into it";
const LEFT: &str = "the ticket left the scope";

const ROOM_FOR_LINK: &str = "the new desk links only tickets of a certain type, and the old one names none";

/// Explanations that are about what the target can hold.
pub const FORGIVEN: [&str; 3] = [NOT_KEPT, TOO_LONG, ROOM_FOR_LINK];

/// What the target should hold.
enum Wanted {
    Value {
        value: Value,
        /// Somebody in it has no account at the target.
        nobody: bool,
    },
    Unmapped(String),
    /// Nobody looked these people up.
    Unknown,
}

/// One field on its way through the rules.
struct Point<'a> {
    key: &'a FieldKey,
    there: &'a FieldKey,
    source: &'a Value,
    target: &'a Value,
    agreed: Option<&'a AgreedField>,
}

/// Compares all fields that the mapping carries.
pub fn compare(case: &Case<'_>, found: &mut Findings) {
    for (key, source) in &case.source.fields {
        let Some(there) = case.mapping.field(key) else { continue };
        let Some(target) = case.target.fields.get(there) else {
            if *source != Value::Empty {
                found.not_compared.insert(key.to_string());
            }
            continue;
        };
        let point = Point { key, there, source, target, agreed: case.record.fields.get(key) };
        compare_one(case, &point, found);
    }
}

fn compare_one(case: &Case<'_>, point: &Point<'_>, found: &mut Findings) {
    match wanted(case, point.key, point.source) {
        Wanted::Unknown => differ(point, "nobody looked up who stands for the person", &Value::Empty, found),
        Wanted::Unmapped(words) => unmapped(case, point, &words, found),
        Wanted::Value { value, nobody } if value.is_set() || point.target.is_set() => {
            if nobody {
                found.explain(NOBODY);
            }
            compare_set(case, point, &value, found);
        }
        Wanted::Value { value, nobody } => {
            if same(&value, point.target) {
                if nobody {
                    found.explain(NOBODY);
                }
                return;
            }
            match explanation(case, point, &value) {
                Some(reason) => found.explain(reason),
                None => {
                    let undecided = undecided(case, point);
                    differ(point, undecided, &value, found);
                    if undecided.is_empty() {
                        found.mend(write(point, value));
                    }
                }
            }
        }
    }
}

fn differ(point: &Point<'_>, why: &str, wanted: &Value, found: &mut Findings) {
    let means = if wanted == point.source || *wanted == Value::Empty { String::new() } else { format!(" (there: {wanted})") };
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    let field = if point.key == point.there { point.key.to_string() } else { format!("{} → {}", point.key, point.there) };
    found.differ(Kind::Field, format!("field `{field}`{why}"), &format!("{}{means}", point.source), &point.target.to_string());
}

/// The remedy that writes a value of the target.
fn write(point: &Point<'_>, value: Value) -> Remedy {
    Remedy::Write { field: point.key.clone(), held: point.target.clone(), value }
}

fn unmapped(case: &Case<'_>, point: &Point<'_>, words: &str, found: &mut Findings) {
    let known = point.agreed.is_some_and(|agreed| agreed.source == *point.source);
    if case.policy.unmapped == Unmapped::LeaveOut {
        found.explain(LEFT_OUT);
    } else if known && is_remapped(case) {
        found.explain(REMAPPED);
    } else {
        differ(point, &format!("the mapping has no word for `{words}`"), &Value::Empty, found);
    }
}

fn is_remapped(case: &Case<'_>) -> bool {
    case.record.mapping_version.as_ref().is_some_and(|version| *version != case.mapping.version())
}

fn wanted(case: &Case<'_>, key: &FieldKey, value: &Value) -> Wanted {
    if matches!(value, Value::Person(_) | Value::People(_)) {
        let mut there = Vec::new();
        let mut nobody = false;
        for person in value.persons() {
            match case.people.get(person) {
                Some(known) if known.is_nobody() => nobody = true,
                Some(known) => match known.target() {
                    Some(target) => there.push(target.clone()),
                    None => return Wanted::Unknown,
                },
                None => return Wanted::Unknown,
            }
        }
        let value = match value {
            Value::Person(_) => there.pop().map_or(Value::Empty, Value::Person),
            _ => Value::people(there),
        };
        return Wanted::Value { value, nobody };
    }
    match case.mapping.value(key, value) {
        Mapped::Value(value) => Wanted::Value { value, nobody: false },
        Mapped::Unmapped(words) => Wanted::Unmapped(words.join("`, `")),
    }
}

/// Equal for a reader: white space folded, times as moments, a text and a set of this one word the same.
fn same(one: &Value, other: &Value) -> bool {
    if one == other || (one.persons() == other.persons() && one.words() == other.words()) {
        return true;
    }
    match (one, other) {
        (Value::Text(one), Value::Text(other)) => {
            fold(one) == fold(other) || (moment(one).is_some() && moment(one) == moment(other))
        }
        (Value::Text(text), Value::Empty) | (Value::Empty, Value::Text(text)) => fold(text).is_empty(),
        _ => false,
    }
}

fn moment(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp())
}

/// Why the target may hold something else than `wanted`; records first, then the target's history.
fn explanation(case: &Case<'_>, point: &Point<'_>, wanted: &Value) -> Option<&'static str> {
    if is_cut(case, point, wanted) {
        return Some(TOO_LONG);
    }
    if makes_room(case, point, wanted) {
        return Some(ROOM_FOR_LINK);
    }
    if case.pair.state == "left" {
        return Some(LEFT);
    }
    if case.is_closed() {
        return Some(CLOSED);
    }
    if target_won(case, point) {
        return Some(CONFLICT);
    }
    let agreed = point.agreed.filter(|agreed| agreed.source == *point.source)?;
    let hands = case.last_hands(point.there);
    if same(&agreed.target, point.target) {
        return match () {
            () if agreed.by_policy => Some(CONFLICT),
            () if agreed.by_person => Some(DECIDED),
            // Not kept as it was written: the record says so.
            () if agreed.flagged => Some(NOT_KEPT),
            () if is_remapped(case) => Some(REMAPPED),
            // It was written as it stands. That is an explanation only if it was not we alone who did it.
            () => hands.any().then(|| hands.reason()),
        };
    }
    // It changed since. The whole history was read: what it does not say is no explanation.
    hands.any().then(|| hands.reason())
}

fn is_cut(case: &Case<'_>, point: &Point<'_>, wanted: &Value) -> bool {
    let (FieldKey::Subject, Value::Text(wanted), Value::Text(target)) = (point.key, wanted, point.target) else { return false };
    let wanted = fold(wanted);
    let cut: String = wanted.chars().take(case.target_can.subject_limit).collect();
    cut != wanted && fold(&cut) == fold(target)
}

/// The target holds a type that a link asks for, where the source says nothing.
fn makes_room(case: &Case<'_>, point: &Point<'_>, wanted: &Value) -> bool {
    let asked = [case.target_can.parent_type, case.target_can.child_type];
    let held = point.target.words();
    *point.there == FieldKey::Type && *wanted == Value::Empty && asked.iter().flatten().any(|asked| held == [*asked])
}

fn target_won(case: &Case<'_>, point: &Point<'_>) -> bool {
    let field = point.key.to_string();
    case.record.conflicts.iter().any(|conflict| {
        conflict.field == field
            && conflict.winner == "target"
            && conflict.source == *point.source
            && same(&conflict.target, point.target)
    })
}

/// A conflict that waits for a decision explains nothing: the desks differ until there is one.
fn undecided(case: &Case<'_>, point: &Point<'_>) -> &'static str {
    let field = point.key.to_string();
    let open = |conflict: &ConflictRecord| {
        conflict.field == field
            && conflict.winner == "undecided"
            && conflict.source == *point.source
            && same(&conflict.target, point.target)
    };
    if case.record.conflicts.iter().any(open) { UNDECIDED } else { "" }
}

/// Sets element by element: what the source has and the target lacks, and what the target has and the source took out.
fn compare_set(case: &Case<'_>, point: &Point<'_>, wanted: &Value, found: &mut Findings) {
    let (wanted_now, held) = (elements(wanted), elements(point.target));
    let before = point.agreed.and_then(|agreed| match self::wanted(case, point.key, &agreed.source) {
        Wanted::Value { value, .. } => Some((elements(&value), elements(&agreed.target), agreed)),
        _ => None,
    });
    let (mut missing, mut extra) = (Vec::new(), Vec::new());
    for element in wanted_now.difference(&held) {
        let carried = before.as_ref().filter(|(wanted, _, _)| wanted.contains(element));
        match carried
            .and_then(|(_, there, agreed)| why_gone(case, point, there.contains(element), agreed))
            .or_else(|| not_ours(case))
        {
            Some(reason) => found.explain(reason),
            None => missing.push(element.as_str()),
        }
    }
    for element in held.difference(&wanted_now).filter(|element| !is_own_tag(case, point, element)) {
        let from_source = before.as_ref().is_some_and(|(wanted, there, _)| wanted.contains(element) && there.contains(element));
        let reason = if from_source { not_ours(case) } else { why_added(case, point) };
        match reason {
            Some(reason) => found.explain(reason),
            None => extra.push(element.as_str()),
        }
    }
    if !missing.is_empty() || !extra.is_empty() {
        let what = match (missing.is_empty(), extra.is_empty()) {
            (false, true) => format!("`{}` lacks `{}`", point.there, missing.join("`, `")),
            (true, _) => format!("`{}` has `{}` besides", point.there, extra.join("`, `")),
            (false, false) => {
                format!("`{}` lacks `{}` and has `{}` besides", point.there, missing.join("`, `"), extra.join("`, `"))
            }
        };
        found.differ(Kind::Field, format!("field {what}"), &point.source.to_string(), &point.target.to_string());
        let whole = held.iter().filter(|element| !extra.contains(&element.as_str())).map(String::as_str).chain(missing);
        found.mend(write(point, set_like(point.target, wanted, whole)));
    }
}

fn not_ours(case: &Case<'_>) -> Option<&'static str> {
    match () {
        () if case.is_closed() => Some(CLOSED),
        () if case.pair.state == "left" => Some(LEFT),
        () => None,
    }
}

/// An element that was agreed on and is gone: taken out there, or never kept.
fn why_gone(case: &Case<'_>, point: &Point<'_>, was_there: bool, agreed: &AgreedField) -> Option<&'static str> {
    let hands = case.hands(point.there);
    match () {
        () if hands.any() => Some(hands.reason()),
        () if !was_there && agreed.flagged => Some(NOT_KEPT),
        () if is_remapped(case) => Some(REMAPPED),
        () => None,
    }
}

fn why_added(case: &Case<'_>, point: &Point<'_>) -> Option<&'static str> {
    let hands = case.hands(point.there);
    match () {
        () if hands.any() => Some(hands.reason()),
        () if point.agreed.is_some_and(|agreed| agreed.flagged) => Some(NOT_KEPT),
        () if !case.record.absorbed.is_empty() => Some(MERGED),
        () if is_remapped(case) => Some(REMAPPED),
        () => not_ours(case),
    }
}

/// A set of words, or of people where either value is one.
fn set_like<'a>(held: &Value, wanted: &Value, elements: impl Iterator<Item = &'a str>) -> Value {
    match [held, wanted].iter().any(|value| matches!(value, Value::People(_))) {
        true => Value::people(elements.map(PersonId::new)),
        false => Value::set(elements),
    }
}

fn elements(value: &Value) -> BTreeSet<String> {
    let words = value.words().into_iter().map(str::to_string);
    words.chain(value.persons().into_iter().map(|person| person.as_str().to_string())).collect()
}

/// Tags that the mirror sets itself say nothing about the source's.
fn is_own_tag(case: &Case<'_>, point: &Point<'_>, element: &str) -> bool {
    let tags = &case.policy.tags;
    let own = [&tags.mirrored, &tags.incomplete, &tags.silent, &tags.deleted, &tags.out_of_scope];
    *point.there == FieldKey::Tags && own.iter().any(|tag| tag.eq_ignore_ascii_case(element))
}
