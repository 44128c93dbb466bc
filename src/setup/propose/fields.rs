//! Which field of the target takes which field of the source: by name **and** kind.

use std::collections::{BTreeMap, BTreeSet};

use crate::desk::field::FieldKey;
use crate::desk::mapping::{EVERY, Mapping};
use crate::desk::schema::{FieldKind, Schema};

use super::kinds::{Fit, fit};
use super::line::{Answer, Line, Mark, Table, What, shown};
use super::names::{Likeness, likeness};
use super::options::{Couple, share};
use super::spelling::Name;

/// Words that say nothing in the name of a field.
const IDLE: [&str; 2] = ["field", "custom"];
/// Of a hundred options so many have to have a counterpart, or the fields only share a name.
const ENOUGH: usize = 66;

/// What a desk without the plain field calls one of its own.
const ALSO_CALLED: [(FieldKey, &[&str]); 6] = [
    (FieldKey::Type, &["type", "ticket type", "issue type", "request type"]),
    (FieldKey::Organisation, &["organisation", "organization"]),
    (FieldKey::Brand, &["brand"]),
    (FieldKey::Form, &["form", "ticket form"]),
    (FieldKey::Tags, &["tags"]),
    (FieldKey::Due, &["due", "due date"]),
];
/// Fields that every ticket has at every desk, and that go into themselves without a word.
const UNSAID: [FieldKey; 8] = [
    FieldKey::Subject,
    FieldKey::Status,
    FieldKey::Priority,
    FieldKey::Group,
    FieldKey::Assignee,
    FieldKey::Requester,
    FieldKey::Cc,
    FieldKey::Followers,
];

/// Both desks and what the mirror file says already.
pub struct Desks<'a> {
    pub source: &'a Schema,
    pub target: &'a Schema,
    pub mapping: &'a Mapping,
    /// Both are of one vendor.
    pub kin: bool,
}

/// How well one field goes into another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Match<'a> {
    likeness: Likeness,
    fit: Fit,
    /// Of a hundred options, those without a sure counterpart.
    lost: usize,
    from: &'a FieldKey,
    to: &'a FieldKey,
}

/// A line for each field that the mirror file does not speak of, in the order of the source's fields.
pub fn lines(desks: &Desks<'_>) -> Vec<Line> {
    let open = open(desks);
    let chosen = chosen(desks, &open);
    let mut lines: Vec<Line> = same(desks).collect();
    for from in &open {
        let answer = match chosen.get(from) {
            Some(found) => answer(desks, found, &open),
            None => Answer::Gap(why_none(desks, from)),
        };
        lines.push(Line::of(Table::Fields, &from.to_string(), answer));
    }
    let taken: BTreeSet<String> = lines.iter().filter_map(goes_to).map(str::to_string).collect();
    lines.extend(missed(desks, &taken));
    lines
}

fn goes_to(line: &Line) -> Option<&str> {
    match &line.what {
        What::Entry { guess, .. } => Some(&guess.to),
        _ => None,
    }
}

/// Plain fields that both desks have and that are worth a word.
fn same<'a>(desks: &'a Desks<'_>) -> impl Iterator<Item = Line> + 'a {
    let both =
        desks.source.fields.keys().filter(|key| !matches!(key, FieldKey::Custom(_)) && desks.target.fields.contains_key(key));
    both.filter(|key| !UNSAID.contains(key) && !desks.mapping.fields.contains_key(key) && !taken(desks).contains(key)).map(
        |key| {
            let answer = Answer::sure(&key.to_string(), "both desks have it");
            Line::of(Table::Fields, &key.to_string(), answer)
        },
    )
}

/// The target's fields that the mirror file fills.
fn taken<'a>(desks: &'a Desks<'_>) -> BTreeSet<&'a FieldKey> {
    desks.mapping.fields.values().flatten().collect()
}

/// Fields of the source of which nothing is said, and that do not go into the one of the same name by themselves.
fn open<'a>(desks: &'a Desks<'_>) -> Vec<&'a FieldKey> {
    let is_open = |key: &&FieldKey| match key {
        FieldKey::Custom(_) => !desks.mapping.speaks_of(key),
        plain => !desks.mapping.fields.contains_key(plain) && !desks.target.fields.contains_key(plain),
    };
    desks.source.fields.keys().filter(is_open).collect()
}

/// Fields of the target that nothing goes into yet.
fn free<'a>(desks: &'a Desks<'_>) -> Vec<&'a FieldKey> {
    let taken = taken(desks);
    let every = FieldKey::custom(EVERY);
    let by_name = desks.mapping.fields.get(&every) == Some(&Some(every.clone()));
    let is_free = |key: &&FieldKey| match key {
        FieldKey::Custom(_) => !by_name || !desks.source.fields.contains_key(key),
        plain => !desks.source.fields.contains_key(plain),
    };
    desks.target.fields.keys().filter(|key| !taken.contains(key)).filter(is_free).collect()
}

/// Each field of the source with at most one of the target, and the other way round: the best matches first.
fn chosen<'a>(desks: &'a Desks<'_>, open: &[&'a FieldKey]) -> BTreeMap<&'a FieldKey, Match<'a>> {
    let free = free(desks);
    let mut matches: Vec<Match<'a>> =
        open.iter().flat_map(|from| free.iter().filter_map(|to| matched(desks, from, to))).collect();
    matches.sort();
    let level = |one: &Match<'_>| (one.likeness, one.fit, one.lost);
    let mut chosen: BTreeMap<&FieldKey, Match<'a>> = BTreeMap::new();
    let mut used: BTreeSet<&FieldKey> = BTreeSet::new();
    for found in &matches {
        if chosen.contains_key(found.from) || used.contains(found.to) {
            continue;
        }
        let tied = |other: &&Match<'_>| {
            level(other) == level(found)
                && (other.from == found.from) != (other.to == found.to)
                && !used.contains(other.to)
                && !chosen.contains_key(other.from)
        };
        if matches.iter().any(|other| tied(&other)) {
            continue;
        }
        used.insert(found.to);
        chosen.insert(found.from, found.clone());
    }
    chosen
}

fn matched<'a>(desks: &Desks<'_>, from: &'a FieldKey, to: &'a FieldKey) -> Option<Match<'a>> {
    let likeness = alike(from, to)?;
    let couple = couple(desks, from, to);
    let fit = fit_of(&couple)?;
    let choices = couple.source.options.is_some() && couple.target.options.is_some();
    let (sure, any) = if choices { share(&couple) } else { (100, true) };
    // What is not called just so, or is of another kind, and shares not one option, is another field.
    let other = !any && (likeness > Likeness::Spelling || fit != Fit::Whole);
    (!other).then_some(Match { likeness, fit, lost: 100 - sure, from, to })
}

fn couple<'a>(desks: &'a Desks<'_>, from: &'a FieldKey, to: &'a FieldKey) -> Couple<'a> {
    Couple { from, source: &desks.source.fields[from], to, target: &desks.target.fields[to], kin: desks.kin }
}

fn alike(from: &FieldKey, to: &FieldKey) -> Option<Likeness> {
    let by_list = |plain: &FieldKey, own: &str| {
        let (_, names) = ALSO_CALLED.iter().find(|(key, _)| key == plain)?;
        let own = Name::new(own);
        if names.iter().any(|name| own.is_spelt_like(&Name::new(name))) {
            return Some(Likeness::Form);
        }
        likeness(&own, &Name::new(names[0]), &IDLE).map(|likeness| likeness.max(Likeness::Kin))
    };
    match (from, to) {
        (FieldKey::Custom(from), FieldKey::Custom(to)) => likeness(&Name::new(from), &Name::new(to), &IDLE),
        (FieldKey::Custom(own), plain) | (plain, FieldKey::Custom(own)) => by_list(plain, own),
        _ => None,
    }
}

/// A check box and a choice of yes and no are the same thing.
fn fit_of(couple: &Couple<'_>) -> Option<Fit> {
    use FieldKind::{Checkbox, Choice};
    let fit = fit(couple.source.kind, couple.target.kind)?;
    let truths =
        matches!((couple.source.kind, couple.target.kind), (Checkbox, Choice) | (Choice, Checkbox)) && share(couple).0 == 100;
    Some(if truths { Fit::Whole } else { fit })
}

fn answer(desks: &Desks<'_>, found: &Match<'_>, open: &[&FieldKey]) -> Answer {
    let why = match found.likeness {
        Likeness::Same => "the same name",
        Likeness::Spelling => "the same name but for capitals and signs",
        Likeness::Form => "the same name in another form",
        Likeness::Kin => "another word that may mean the same",
        Likeness::Near => "a name that is partly the same",
    };
    let couple = couple(desks, found.from, found.to);
    let (here, there) = (couple.source.kind, couple.target.kind);
    let named = found.likeness <= Likeness::Form;
    let mut answer = if named { Answer::sure(&found.to.to_string(), why) } else { Answer::ask(&found.to.to_string(), why) };
    if here != there && found.fit != Fit::Whole {
        answer = answer.doubted(true, &format!("here it is {}, there {}", here.words(), there.words()));
    }
    if matches!(found.to, FieldKey::Organisation) {
        answer = answer.doubted(true, "the target has to know each of them by its name");
    }
    let also =
        open.iter().find(|other| **other != found.from && alike(other, found.to).is_some_and(|other| other <= found.likeness));
    if let Some(also) = also {
        answer = answer.doubted(true, &format!("\"{also}\" is called so as well"));
    }
    let also = free(desks)
        .into_iter()
        .find(|other| *other != found.to && alike(found.from, other).is_some_and(|other| other <= found.likeness));
    if let Some(also) = also {
        answer = answer.doubted(true, &format!("the target has \"{also}\" too"));
    }
    answer.doubted(found.lost > 100 - ENOUGH, "their options differ")
}

/// Why nothing is guessed for a field.
fn why_none(desks: &Desks<'_>, from: &FieldKey) -> String {
    let kind = desks.source.fields[from].kind;
    let leave = "\"ignore\" leaves it out";
    let targets = &desks.target.fields;
    let named: Vec<&FieldKey> =
        free(desks).into_iter().filter(|to| alike(from, to).is_some_and(|like| like <= Likeness::Form)).collect();
    match named[..] {
        _ if kind == FieldKind::Reference => format!("it holds ids of its own desk, which mean nothing in another; {leave}"),
        [] => format!("the target has no field like it for {}; {leave}", kind.words()),
        [to] if fit(kind, targets[to].kind).is_none() => {
            format!("it is {}, and \"{to}\" of the target is {}; {leave}", kind.words(), targets[to].kind.words())
        }
        _ => {
            let names: Vec<String> = named.iter().map(|to| to.to_string()).collect();
            format!("it could be {}; {leave}", shown(&names.iter().map(String::as_str).collect::<Vec<_>>()))
        }
    }
}

/// Fields that the target asks for and that nothing goes into.
fn missed<'a>(desks: &'a Desks<'_>, taken: &'a BTreeSet<String>) -> impl Iterator<Item = Line> + 'a {
    let wanted = free(desks).into_iter().filter(|to| desks.target.fields[to].required && !taken.contains(&to.to_string()));
    wanted.map(|to| Line::remark(Table::Fields, format!("\"{to}\""), "the target requires it, and nothing goes into it"))
}

/// Each field of the source with the one of the target that it goes into, by the mirror file and by these lines; and whether
/// that is only a guess that has to be looked at.
pub fn couples<'a>(desks: &'a Desks<'_>, lines: &[Line]) -> Vec<(&'a FieldKey, &'a FieldKey, bool)> {
    let guessed = |from: &FieldKey| {
        lines.iter().find_map(|line| match &line.what {
            What::Entry { key, guess } if line.table == Table::Fields && *key == from.to_string() => Some(guess),
            _ => None,
        })
    };
    let key = |word: &str| desks.target.fields.keys().find(|key| key.to_string() == word);
    let of = |from: &'a FieldKey| match guessed(from) {
        Some(guess) => Some((from, key(&guess.to)?, guess.mark == Mark::Ask)),
        None => {
            let to = desks.mapping.field(from)?;
            desks.target.fields.get_key_value(to).map(|(to, _)| (from, to, false))
        }
    };
    desks.source.fields.keys().filter_map(of).collect()
}
