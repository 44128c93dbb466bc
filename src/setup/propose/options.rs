//! The values of one field: a line for each word of the source that the mirror file does not speak of yet.

use std::collections::BTreeSet;

use crate::desk::field::FieldKey;
use crate::desk::mapping::{EVERY, Other, Table as Words};
use crate::desk::schema::{FieldKind, FieldSchema};

use super::line::{Answer, Line, Table, shown};
use super::names::{GROUPS, Manner, pair};
use super::{kinds, scale, status};

/// Some desks list it among their statuses; a deletion is no value and is not mapped.
const GONE: &str = "deleted";
/// The two values of a check box.
const BOX: [&str; 2] = ["false", "true"];

/// One field of the source with the target's field that it goes into.
pub struct Couple<'a> {
    pub from: &'a FieldKey,
    pub source: &'a FieldSchema,
    pub to: &'a FieldKey,
    pub target: &'a FieldSchema,
    /// Both desks are of one vendor.
    pub kin: bool,
}

/// What each word of the source becomes, in a useful order; nothing where words need no table.
pub fn answers(couple: &Couple<'_>) -> Vec<(String, Answer)> {
    let Some((sources, targets)) = words(couple) else { return Vec::new() };
    let (here, there) = (texts(&sources), texts(&targets));
    let found = match couple.from {
        FieldKey::Status => status::pair_statuses(&here, &there, couple.kin),
        _ if scale::is_yes_or_no(&here) && scale::is_yes_or_no(&there) => scale::pair_truths(&here, &there),
        FieldKey::Priority => scale::pair_scales(&here, &there, couple.kin),
        _ if scale::is_scale(&here) && scale::is_scale(&there) => scale::pair_scales(&here, &there, couple.kin),
        from => pair(&here, &there, &manner(from, &[name(from), name(couple.to)])),
    };
    let mut found: Vec<(String, Answer)> = sources.iter().cloned().zip(found).collect();
    match couple.from {
        FieldKey::Status => found.sort_by_key(|(word, _)| status::order(word)),
        _ if scale::is_scale(&here) => found.sort_by_key(|(word, _)| scale::order(word)),
        _ => {}
    }
    found
}

/// How many of a hundred words of the source have a counterpart that is sure, and whether any has one at all.
pub fn share(couple: &Couple<'_>) -> (usize, bool) {
    let found = answers(couple);
    let sure = found.iter().filter(|(_, answer)| answer.is_sure()).count();
    let any = found.iter().any(|(_, answer)| matches!(answer, Answer::Guess(_)));
    (sure * 100 / found.len().max(1), any)
}

fn words(couple: &Couple<'_>) -> Option<(BTreeSet<String>, BTreeSet<String>)> {
    let of = |schema: &FieldSchema| match (schema.kind, &schema.options) {
        (FieldKind::Checkbox, _) => Some(BOX.iter().map(|word| word.to_string()).collect()),
        (_, options) => options.clone(),
    };
    if (couple.source.kind, couple.target.kind) == (FieldKind::Checkbox, FieldKind::Checkbox) {
        return None;
    }
    let (mut source, mut target): (BTreeSet<String>, BTreeSet<String>) = (of(couple.source)?, of(couple.target)?);
    if *couple.from == FieldKey::Status {
        source.remove(GONE);
        target.remove(GONE);
    }
    Some((source, target))
}

fn texts(words: &BTreeSet<String>) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn name(key: &FieldKey) -> String {
    match key {
        FieldKey::Custom(name) => name.clone(),
        plain => plain.to_string(),
    }
}

fn manner<'a>(from: &FieldKey, names: &'a [String; 2]) -> Manner<'a> {
    match from {
        FieldKey::Group => GROUPS,
        FieldKey::Brand => Manner { what: "brand", idle: &["brand"], options_of: None },
        FieldKey::Form => Manner { what: "form", idle: &["form", "ticket"], options_of: None },
        FieldKey::Type => Manner { what: "type", idle: &[], options_of: None },
        _ => Manner { what: "option", idle: &[], options_of: Some([&names[0], &names[1]]) },
    }
}

/// The lines of the field's table. `known`: what the mirror file has of it; `doubt`: why nothing of it can be sure.
pub fn lines(couple: &Couple<'_>, known: Option<&Words>, doubt: Option<&str>) -> Vec<Line> {
    let table = || Table::Words(couple.from.clone());
    if known.is_some_and(|known| known.other != Other::Unmapped) {
        return Vec::new();
    }
    let told = |word: &str| known.is_some_and(|known| known.words.contains_key(word));
    let doubted = |answer: Answer| doubt.into_iter().fold(answer, |answer, why| answer.doubted(true, why));
    let mut lines: Vec<Line> = answers(couple)
        .into_iter()
        .filter(|(word, _)| !told(word))
        .map(|(word, answer)| Line::of(table(), &word, doubted(answer)))
        .collect();
    lines.extend(rest(couple).filter(|_| !told(EVERY)).map(|answer| Line::of(table(), EVERY, doubted(answer))));
    lines.extend(anything(couple).filter(|_| known.is_none()));
    let may_be_empty = *couple.from != FieldKey::Status && !couple.source.required;
    if couple.target.required && may_be_empty && !told("") && couple.target.options.is_some() {
        let why = format!("for tickets without one; the target's \"{}\" is never empty", couple.to);
        lines.push(Line::of(table(), "", Answer::Gap(why)));
    }
    lines.extend(empty_number(couple).filter(|_| !told("")).map(|answer| Line::of(table(), "", answer)));
    lines
}

/// Words that cannot be listed and go through as they are written, into a kind that needs a table for that.
fn rest(couple: &Couple<'_>) -> Option<Answer> {
    let (source, target) = (couple.source, couple.target);
    let through = kinds::fit(source.kind, target.kind) == Some(kinds::Fit::ByTable) && source.options.is_none();
    let why = || format!("{} goes into {} as it is written, or is refused", source.kind.words(), target.kind.words());
    through.then(|| Answer::ask(EVERY, why()))
}

/// The source has no list of words and the target has one. No table is begun for that: with an empty one nothing would pass.
fn anything(couple: &Couple<'_>) -> Option<Line> {
    let free = couple.source.options.is_none() && couple.source.kind != FieldKind::Checkbox;
    let listed = couple.target.options.as_ref().filter(|_| free)?;
    let header = match couple.from {
        own @ FieldKey::Custom(_) => format!("[map.options.\"{own}\"]"),
        plain => format!("[map.{plain}]"),
    };
    let why =
        format!("write a table {header} that says what becomes {}; \"*\" = \"…\" stands for the rest", shown(&texts(listed)));
    Some(Line::remark(Table::Fields, format!("\"{}\" of the source may hold anything", couple.from), why))
}

/// A number is never empty: no priority is 0.
fn empty_number(couple: &Couple<'_>) -> Option<Answer> {
    let number = couple.target.kind == FieldKind::Integer && couple.target.options.is_none();
    (number && couple.source.options.is_some()).then(|| Answer::ask("0", "the target's is a number, and none is 0"))
}

/// The places of a scale of words as numbers from 0 to 100, for a target that counts.
pub fn counted(couple: &Couple<'_>, known: Option<&Words>) -> Vec<Line> {
    let number = couple.target.kind == FieldKind::Integer && couple.target.options.is_none();
    let Some(words) = couple.source.options.as_ref().filter(|_| number) else { return Vec::new() };
    if known.is_some_and(|known| known.other != Other::Unmapped) {
        return Vec::new();
    }
    let mut words = texts(words);
    words.sort_by_key(|word| scale::order(word));
    let ranked = scale::is_scale(&words);
    let steps = words.len().max(1);
    let answer = |at: usize| match ranked {
        true => Answer::ask(&(100 * (at + 1) / steps).to_string(), "the target counts; this spreads the scale from 0 to 100"),
        false => Answer::Gap("the target's is a number".to_string()),
    };
    let lines = words.iter().enumerate().filter(|(_, word)| !known.is_some_and(|known| known.words.contains_key(**word)));
    lines.map(|(at, word)| Line::of(Table::Words(couple.from.clone()), word, answer(at))).collect()
}
