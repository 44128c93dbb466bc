//! Fields: what the source holds, in the target's words, against what the target holds. Which of the two may hold something else, and
//! why, depends on who leads. Pure.

use std::collections::BTreeSet;

use chrono::DateTime;

use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::PersonId;
use crate::desk::mapping::Mapped;
use crate::desk::policy::Unmapped;
use crate::ledger::check::{AgreedField, ConflictRecord};

use super::case::{CLOSED, Case, Findings, Told};
use super::report::{Kind, Remedy};
use super::words::fold;

const NOT_KEPT: Told = [
    "the new desk did not keep the value: its own normal form or rule",
    "the old desk did not keep the value: its own normal form or rule",
];
const CONFLICT: Told =
    ["both desks changed it, and the new one won by the policy", "both desks changed it, and the old one won by the policy"];
const DECIDED: Told = ["a person decided what the new desk holds", "a person decided what the old desk holds"];
const UNDECIDED: &str = "nobody has decided yet, see `tidegate conflicts list`";
const LEFT_OUT: &str = "the mapping has no word for it, and the policy leaves it out";
const REMAPPED: &str = "the mapping was changed after it was written";
const NOBODY: Told = ["the person has no account in the new desk", "the person has no account in the old desk"];
const TOO_LONG: &str = "cut to what the new desk can hold";
const MERGED: &str = "another ticket was merged into it";
const LEFT: &str = "the ticket left the scope";
const BEFORE: Told = ["changed in the old desk before it led", "changed in the new desk before it led"];

const ROOM_FOR_LINK: Told = [
    "the new desk links only tickets of a certain type, and the old one names none",
    "the old desk links only tickets of a certain type, and the new one names none",
];

/// Explanations that are about what a desk can hold.
pub const FORGIVEN: [&str; 5] = [NOT_KEPT[0], NOT_KEPT[1], TOO_LONG, ROOM_FOR_LINK[0], ROOM_FOR_LINK[1]];

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

impl<'a> Point<'a> {
    fn of(&self, side: Side) -> &'a Value {
        if side == Side::Source { self.source } else { self.target }
    }

    /// What a desk calls the field.
    fn key_at(&self, side: Side) -> &'a FieldKey {
        if side == Side::Source { self.key } else { self.there }
    }
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
        Wanted::Unknown | Wanted::Unmapped(_) if case.lead == Side::Target => of_its_own(case, point, found),
        Wanted::Unknown => differ(point, "nobody looked up who stands for the person", &Value::Empty, found),
        Wanted::Unmapped(words) => unmapped(case, point, &words, found),
        Wanted::Value { value, nobody } if value.is_set() || point.target.is_set() => {
            if nobody {
                found.explain(NOBODY[0]);
            }
            compare_set(case, point, &value, found);
        }
        Wanted::Value { value, nobody } => {
            if same(&value, point.target) {
                if nobody {
                    found.explain(NOBODY[0]);
                }
                return;
            }
            match explanation(case, point, &value) {
                Some(reason) => found.explain(reason),
                None => {
                    let undecided = undecided(case, point);
                    differ(point, undecided, &value, found);
                    match case.lead {
                        Side::Source if undecided.is_empty() => found.mend(write(point, value)),
                        Side::Source => {}
                        Side::Target => found.mend(Remedy::Look),
                    }
                }
            }
        }
    }
}

/// The source follows, and holds what has no counterpart in the target: its people may, we never write such a thing.
fn of_its_own(case: &Case<'_>, point: &Point<'_>, found: &mut Findings) {
    let hands = case.last_hands(point.key);
    let agreed = point.agreed.is_some_and(|agreed| agreed.target == *point.target && agreed.source == *point.source);
    if hands.any() || agreed {
        found.explain(case.told(if hands.any() { hands.reason() } else { NOT_KEPT }));
    } else {
        differ(point, "it has no counterpart in the new desk, which leads", &Value::Empty, found);
        found.mend(Remedy::Look);
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
        return Some(case.told(ROOM_FOR_LINK));
    }
    if case.pair.state == "left" {
        return Some(LEFT);
    }
    if case.is_closed() {
        return Some(case.told(CLOSED));
    }
    if follow_won(case, point) {
        return Some(case.told(CONFLICT));
    }
    if let Some(reason) = without_word(case, point) {
        return Some(reason);
    }
    let (lead, follow) = (case.lead, case.lead.other());
    let agreed = point.agreed.filter(|agreed| agreed.of(lead) == point.of(lead))?;
    let key = point.key_at(follow);
    let hands = case.last_hands(key);
    if same(agreed.of(follow), point.of(follow)) {
        return match () {
            () if agreed.by_policy => Some(case.told(CONFLICT)),
            () if agreed.by_person => Some(case.told(DECIDED)),
            // Not kept as it was written: the record says so.
            () if agreed.flagged => Some(case.told(NOT_KEPT)),
            () if is_remapped(case) => Some(REMAPPED),
            // It was written as it stands. That is an explanation only if it was not we alone who did it.
            () => hands.any().then(|| case.told(hands.reason())),
        };
    }
    // It changed since. The whole history was read: what it does not say is no explanation.
    hands.any().then(|| case.told(hands.reason()))
}

/// What a leading target says and the source has no word or account for.
fn without_word(case: &Case<'_>, point: &Point<'_>) -> Option<&'static str> {
    if case.lead == Side::Source {
        return None;
    }
    if let Value::Person(person) = point.target {
        return case.absent.contains(person).then_some(NOBODY[1]);
    }
    let back = case.mapping.inverse(point.key, point.source, point.target, None);
    let left_out = matches!(back, Mapped::Unmapped(_)) && case.policy.unmapped == Unmapped::LeaveOut;
    left_out.then_some(LEFT_OUT)
}

fn is_cut(case: &Case<'_>, point: &Point<'_>, wanted: &Value) -> bool {
    let (FieldKey::Subject, Value::Text(wanted), Value::Text(target)) = (point.key, wanted, point.target) else { return false };
    let wanted = fold(wanted);
    let cut: String = wanted.chars().take(case.target_can.subject_limit).collect();
    cut != wanted && fold(&cut) == fold(target)
}

/// The following desk holds a type that a link asks for, where the leading one says nothing.
fn makes_room(case: &Case<'_>, point: &Point<'_>, wanted: &Value) -> bool {
    let can = case.following_can();
    let held = point.of(case.lead.other()).words();
    let says_nothing = if case.lead == Side::Source { *wanted == Value::Empty } else { *point.target == Value::Empty };
    let asked = [can.parent_type, can.child_type];
    *point.key_at(case.lead.other()) == FieldKey::Type && says_nothing && asked.iter().flatten().any(|asked| held == [*asked])
}

fn follow_won(case: &Case<'_>, point: &Point<'_>) -> bool {
    let field = point.key.to_string();
    case.record.conflicts.iter().any(|conflict| {
        conflict.field == field
            && conflict.winner == case.lead.other().as_str()
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

/// Sets element by element, in the target's words: what the leading desk has and the other one lacks, and what that has besides.
fn compare_set(case: &Case<'_>, point: &Point<'_>, wanted: &Value, found: &mut Findings) {
    let by_lead = |source: BTreeSet<String>, target: BTreeSet<String>| {
        if case.lead == Side::Source { (source, target) } else { (target, source) }
    };
    let (leads, held) = by_lead(elements(wanted), elements(point.target));
    let before = point.agreed.and_then(|agreed| match self::wanted(case, point.key, &agreed.source) {
        Wanted::Value { value, .. } => Some((by_lead(elements(&value), elements(&agreed.target)), agreed)),
        _ => None,
    });
    let mut missing = Vec::new();
    for element in leads.difference(&held).filter(|element| !is_own_tag(case, point, element)) {
        let carried = before.as_ref().filter(|((leads, _), _)| leads.contains(element));
        match carried
            .and_then(|((_, held), agreed)| why_gone(case, point, held.contains(element), agreed))
            .or_else(|| case.absent.contains(&PersonId::new(element)).then_some(NOBODY[1]))
            .or_else(|| not_ours(case))
        {
            Some(reason) => found.explain(reason),
            None => missing.push(element.as_str()),
        }
    }
    let mut extra = Vec::new();
    for element in held.difference(&leads).filter(|element| !is_own_tag(case, point, element)) {
        let from_lead = before.as_ref().is_some_and(|((leads, held), _)| leads.contains(element) && held.contains(element));
        let apart = before.as_ref().is_some_and(|((leads, held), _)| !leads.contains(element) && held.contains(element));
        let reason = if from_lead { not_ours(case) } else { why_added(case, point) };
        match reason.or_else(|| stood_before(case, point).filter(|_| apart)) {
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
        () if case.is_closed() => Some(case.told(CLOSED)),
        () if case.pair.state == "left" => Some(LEFT),
        () => None,
    }
}

/// An element that was agreed on and is gone: taken out there, or never kept.
fn why_gone(case: &Case<'_>, point: &Point<'_>, was_there: bool, agreed: &AgreedField) -> Option<&'static str> {
    let hands = case.hands(point.key_at(case.lead.other()));
    match () {
        () if hands.any() => Some(case.told(hands.reason())),
        () if !was_there && agreed.flagged => Some(case.told(NOT_KEPT)),
        () if is_remapped(case) => Some(REMAPPED),
        () if !was_there => stood_before(case, point),
        () => None,
    }
}

/// Why both desks were agreed on to be apart before the lead turned: by the history of the desk that leads now, or because of a merge.
fn stood_before(case: &Case<'_>, point: &Point<'_>) -> Option<&'static str> {
    let turned_at = case.pair.turned_at?;
    match () {
        () if case.had_hands(point.key_at(case.lead), turned_at) => Some(case.told(BEFORE)),
        () if !case.record.absorbed.is_empty() => Some(MERGED),
        () => None,
    }
}

fn why_added(case: &Case<'_>, point: &Point<'_>) -> Option<&'static str> {
    let hands = case.hands(point.key_at(case.lead.other()));
    match () {
        () if hands.any() => Some(case.told(hands.reason())),
        () if point.agreed.is_some_and(|agreed| agreed.flagged) => Some(case.told(NOT_KEPT)),
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
    *point.there == FieldKey::Tags && case.policy.tags.holds(element)
}
