//! Holds a mirror file against the fields and values that the two desks really have.

use std::collections::{BTreeMap, BTreeSet};

use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::mapping::{EVERY, Mapped, Mapping, Table};
use crate::desk::policy::Unmapped;
use crate::desk::schema::{FieldKind, FieldSchema, Schema};

use super::mirror::MirrorConfig;
use super::mistake::{Mistake, Places, Weight, list, nearest};

/// Values that are shown of a long list.
const SHOWN: usize = 12;
/// Some desks list it among their statuses; a deletion is no value and is not mapped.
const GONE: &str = "deleted";

/// Every field and value that one of the desks does not have, and every one that has no counterpart, in the order of the
/// lines. The schemas must hold all fields of their desks, the plain ones too.
pub fn check_values(config: &MirrorConfig, places: &Places, source: &Schema, target: &Schema) -> Vec<Mistake> {
    let mut check = Check { config, places, source, target, mistakes: Vec::new() };
    check.scope();
    check.windows();
    check.policy();
    check.listed_fields();
    check.listed_tables();
    check.carried_fields();
    check.missed_fields();
    check.missed_values();
    check.mistakes.sort_by_key(|mistake| mistake.at);
    check.mistakes
}

struct Check<'a> {
    config: &'a MirrorConfig,
    places: &'a Places,
    source: &'a Schema,
    target: &'a Schema,
    mistakes: Vec<Mistake>,
}

impl Check<'_> {
    fn tell(&mut self, weight: Weight, path: &[&str], what: String, right: String) {
        self.mistakes.push(self.places.mistake(weight, path, what, right));
    }

    fn mapping(&self) -> &Mapping {
        &self.config.mapping
    }

    fn scope(&mut self) {
        let scope = self.config.scope.clone();
        let lists = [("groups", FieldKey::Group, &scope.groups), ("brands", FieldKey::Brand, &scope.brands)];
        for (key, field, words) in lists.into_iter().chain([("statuses", FieldKey::Status, &scope.statuses)]) {
            match self.source.fields.get(&field) {
                _ if words.is_empty() => {}
                Some(schema) => self.unknown(Side::Source, &["scope", key], words, schema),
                None => {
                    let what = format!("the source has no field `{field}`, so no ticket would be in the scope");
                    self.tell(Weight::Wrong, &["scope", key], what, format!("remove `{key}`"));
                }
            }
        }
    }

    fn windows(&mut self) {
        for window in self.config.windows.clone() {
            let lists = [(FieldKey::Group, &window.groups), (FieldKey::Brand, &window.brands), (FieldKey::Form, &window.forms)];
            for (field, words) in lists.into_iter().filter(|(_, words)| !words.is_empty()) {
                match self.source.fields.get(&field) {
                    Some(schema) => self.unknown(Side::Source, &["window"], words, schema),
                    None => {
                        let what =
                            format!("the source has no field `{field}`, so the window \"{}\" would have no ticket", window.name);
                        self.tell(Weight::Wrong, &["window"], what, "remove the condition".to_string());
                    }
                }
            }
        }
    }

    fn policy(&mut self) {
        let keys: Vec<FieldKey> = self.config.policy.fields.keys().cloned().collect();
        for key in keys {
            self.known_field(Side::Source, &["policy", "fields", &key.to_string()], &key);
        }
    }

    fn listed_fields(&mut self) {
        let fields = self.mapping().fields.clone();
        for (from, to) in fields {
            if from == FieldKey::custom(EVERY) {
                continue;
            }
            let path = ["map", "fields", &from.to_string()];
            self.known_field(Side::Source, &path, &from);
            if let Some(to) = to {
                self.known_field(Side::Target, &path, &to);
            }
        }
    }

    /// Words in the file that the desks do not have.
    fn listed_tables(&mut self) {
        let tables = self.mapping().tables.clone();
        for (from, table) in tables {
            let path = table_path(&from);
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            if !self.known_field(Side::Source, &path, &from) {
                continue;
            }
            for (word, to) in &table.words {
                let path: Vec<&str> = path.iter().copied().chain([word.as_str()]).collect();
                self.known_word(Side::Source, &path, &from, word);
                self.known_target(&path, &from, to);
            }
            if let crate::desk::mapping::Other::Word(to) = &table.other {
                let path: Vec<&str> = path.iter().copied().chain([EVERY]).collect();
                self.known_target(&path, &from, to);
            }
        }
    }

    fn known_target(&mut self, path: &[&str], from: &FieldKey, to: &str) {
        if let Some(target) = self.mapping().field(from).cloned() {
            self.known_word(Side::Target, path, &target, to);
        }
    }

    fn known_word(&mut self, side: Side, path: &[&str], field: &FieldKey, word: &str) {
        if let Some(schema) = self.schema(side).fields.get(field).cloned()
            && !word.is_empty()
        {
            self.unknown(side, path, &BTreeSet::from([word.to_string()]), &schema);
        }
    }

    fn unknown(&mut self, side: Side, path: &[&str], words: &BTreeSet<String>, schema: &FieldSchema) {
        let Some(options) = schema.options.clone() else { return };
        for word in words.difference(&options) {
            let what = format!("the {} has no value \"{word}\" for this", side.as_str());
            self.tell(Weight::Wrong, path, what, meant(word, texts(&options)));
        }
    }

    fn schema(&self, side: Side) -> &Schema {
        match side {
            Side::Source => self.source,
            Side::Target => self.target,
        }
    }

    fn known_field(&mut self, side: Side, path: &[&str], key: &FieldKey) -> bool {
        let schema = self.schema(side);
        if schema.fields.contains_key(key) {
            return true;
        }
        let words: Vec<String> = schema.fields.keys().map(FieldKey::to_string).collect();
        let right = meant(&key.to_string(), words.iter().map(String::as_str));
        self.tell(Weight::Wrong, path, format!("the {} has no field \"{key}\" that our user may see", side.as_str()), right);
        false
    }

    /// What becomes of each field of the source.
    fn carried_fields(&mut self) {
        let mut taken: BTreeMap<FieldKey, FieldKey> = BTreeMap::new();
        for (from, schema) in self.source.fields.clone() {
            let path = ["map", "fields", &from.to_string()];
            let Some(to) = self.mapping().field(&from).cloned() else {
                self.not_carried(&from);
                continue;
            };
            let Some(other) = self.target.fields.get(&to).cloned() else {
                self.no_such_target(&from, &to);
                continue;
            };
            if let Some(first) = taken.insert(to.clone(), from.clone()) {
                let what = format!("\"{to}\" of the target would be written from \"{first}\" and from \"{from}\"");
                let right = format!("write \"{from}\" = \"ignore\" under [map.fields], or give it another field");
                self.tell(Weight::Wrong, &path, what, right);
            } else if !self.fits(&from, schema.kind, other.kind) {
                let what = format!("\"{from}\" is {} and \"{to}\" is {}", schema.kind.words(), other.kind.words());
                let header = path_header(&table_path(&from));
                let right = format!("write a table {header}, choose a field that can hold such values, or \"ignore\"");
                self.tell(Weight::Wrong, &path, what, right);
            } else {
                self.carried_values(&from, &schema, &to, &other);
            }
        }
    }

    fn not_carried(&mut self, from: &FieldKey) {
        if self.mapping().speaks_of(from) {
            return;
        }
        let same = if self.target.fields.contains_key(from) { from.to_string() } else { "custom:…".to_string() };
        let right = format!("write \"{from}\" = \"{same}\" or \"{from}\" = \"ignore\" under [map.fields]");
        self.tell(
            Weight::Wrong,
            &["map", "fields"],
            format!("the source's field \"{from}\" is neither carried nor ignored"),
            right,
        );
    }

    /// Fields that are written in the file are told by [`Check::listed_fields`].
    fn no_such_target(&mut self, from: &FieldKey, to: &FieldKey) {
        if self.mapping().fields.contains_key(from) {
            return;
        }
        let right = format!("write \"{from}\" = \"custom:…\" or \"{from}\" = \"ignore\" under [map.fields]");
        self.tell(
            Weight::Wrong,
            &["map", "fields"],
            format!("the target has no field \"{to}\" for the source's, or our user may not see it"),
            right,
        );
    }

    /// A table makes any word fit; people fit people only.
    fn fits(&self, from: &FieldKey, kind: FieldKind, target: FieldKind) -> bool {
        match (is_people(kind), is_people(target)) {
            (false, false) => self.mapping().tables.contains_key(from) || fits(kind, target),
            (from, to) => from == to,
        }
    }

    /// The source's values that have no counterpart.
    fn carried_values(&mut self, from: &FieldKey, schema: &FieldSchema, to: &FieldKey, other: &FieldSchema) {
        let Some(options) = &schema.options else { return self.free_values(from, to, other) };
        let leaves_out = self.config.policy.unmapped == Unmapped::LeaveOut;
        let lost = |word: &&String| match self.mapping().value(from, &Value::text(word.as_str())) {
            Mapped::Unmapped(_) => !leaves_out,
            Mapped::Value(value) => {
                let listed = self.mapping().tables.get(from).is_some_and(|table| table.words.contains_key(*word));
                !listed && other.options.as_ref().is_some_and(|known| value.words().iter().any(|word| !known.contains(*word)))
            }
        };
        let told_apart = |word: &&String| *from != FieldKey::Status || word.as_str() != GONE;
        let lost: Vec<&str> = options.iter().filter(told_apart).filter(lost).map(String::as_str).collect();
        if lost.is_empty() {
            return;
        }
        let path = table_path(from);
        let head = path_header(&path);
        let known = other.options.as_ref().map(|known| format!(", one of {}", shown(texts(known))));
        let what = format!("values of the source's \"{from}\" have no counterpart: {}", shown(lost.iter().copied()));
        let known = known.unwrap_or_default();
        let right = format!("write each under {head} as \"{}\" = \"…\", a value of the target's \"{to}\"{known}", lost[0]);
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        self.tell(Weight::Wrong, &path, what, right);
    }

    /// The source has no list of values, the target has one.
    fn free_values(&mut self, from: &FieldKey, to: &FieldKey, other: &FieldSchema) {
        let Some(known) = other.options.as_ref().filter(|_| !self.mapping().tables.contains_key(from)) else { return };
        let header = path_header(&table_path(from));
        let what = format!("\"{from}\" of the source may hold anything, \"{to}\" of the target only {}", shown(texts(known)));
        self.tell(Weight::Note, &["map"], what, format!("write a table {header}; \"*\" = \"…\" stands for the rest"));
    }

    /// Fields that the target asks for and that nothing is carried into.
    fn missed_fields(&mut self) {
        let carried = self.counterparts();
        let missed = self.target.fields.iter().filter(|(to, schema)| schema.required && !carried.contains_key(to));
        let missed: Vec<String> = missed.map(|(to, _)| to.to_string()).collect();
        for to in missed {
            let right = "carry a field into it under [map.fields], or make it optional at the target".to_string();
            self.tell(
                Weight::Note,
                &["map", "fields"],
                format!("the target requires \"{to}\", and nothing is carried into it"),
                right,
            );
        }
    }

    /// The target's values that no value of the source becomes: they cannot be carried back.
    fn missed_values(&mut self) {
        for (to, from) in self.counterparts() {
            let Some(known) = self.target.fields[&to].options.clone() else { continue };
            let table = self.mapping().tables.get(&from).cloned();
            let options = self.source.fields[&from].options.clone();
            let reached = |word: &&String| match &table {
                Some(table) => told(table, word, options.as_ref()),
                None => options.as_ref().is_none_or(|options| options.contains(*word)),
            };
            let missed: Vec<&str> =
                known.iter().filter(|word| !reached(word) && word.as_str() != GONE).map(String::as_str).collect();
            if !missed.is_empty() {
                let what = format!("values of the target's \"{to}\" that no value of the source becomes: {}", shown(missed));
                let path = table_path(&from);
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                let right = "nothing to do unless agents of the target use them and the way back is wanted".to_string();
                self.tell(Weight::Note, &path, what, right);
            }
        }
    }

    /// Target field to source field, for pairs that both desks have.
    fn counterparts(&self) -> BTreeMap<FieldKey, FieldKey> {
        let pairs = self.source.fields.keys().filter_map(|from| Some((self.mapping().field(from)?.clone(), from.clone())));
        pairs.filter(|(to, _)| self.target.fields.contains_key(to)).collect()
    }
}

fn told(table: &Table, target: &str, options: Option<&BTreeSet<String>>) -> bool {
    let listed = table.words.values().any(|to| to == target);
    listed || options.is_some_and(|options| options.iter().any(|word| table.word(word) == Some(target)))
}

fn meant<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("it has {}", shown(known)),
    }
}

fn shown<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    match words.len() {
        0 => "none".to_string(),
        n if n > SHOWN => format!("{} and {} more", words[..SHOWN].join(", "), n - SHOWN),
        _ => list(words).replace('`', "\"").replace(" or ", " and "),
    }
}

/// The head of the table in which the words of a field are written: `[map.status]`.
pub fn table_head(field: &FieldKey) -> String {
    path_header(&table_path(field))
}

/// Where the words of a field are written.
fn table_path(field: &FieldKey) -> Vec<String> {
    match field {
        FieldKey::Custom(_) => vec!["map".to_string(), "options".to_string(), field.to_string()],
        plain => vec!["map".to_string(), plain.to_string()],
    }
}

/// The head of the table that says which of several words of a field comes back: `[map.back.status]`.
pub fn back_head(field: &FieldKey) -> String {
    path_header(&["map".to_string(), "back".to_string(), field.to_string()])
}

fn path_header(path: &[String]) -> String {
    let is_bare = |part: &str| part.chars().all(|one| one.is_ascii_alphanumeric() || "-_".contains(one));
    let parts: Vec<String> = path.iter().map(|part| if is_bare(part) { part.clone() } else { format!("{part:?}") }).collect();
    format!("[{}]", parts.join("."))
}

fn texts(words: &BTreeSet<String>) -> impl Iterator<Item = &str> + Clone {
    words.iter().map(String::as_str)
}

fn is_people(kind: FieldKind) -> bool {
    matches!(kind, FieldKind::Person | FieldKind::People)
}

/// Whether words of the one kind can be kept in a field of the other as they are.
fn fits(from: FieldKind, to: FieldKind) -> bool {
    use FieldKind::*;
    let many = |kind| matches!(kind, MultiChoice | Words);
    match (from, to) {
        (_, Reference) => false,
        (_, Text | LongText) => !many(from),
        (from, to) if many(from) => many(to),
        (_, Choice | MultiChoice | Words) => true,
        (Integer, Decimal) | (Date, DateTime) => true,
        (from, to) => from == to,
    }
}
