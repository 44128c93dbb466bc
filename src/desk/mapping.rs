//! How the source's fields and words become the target's, and back. Pure data and pure functions.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Side;
use super::field::{FieldKey, Fields, Value};

/// The name that stands for every desk's own field which is not listed: `custom:*`.
pub const EVERY: &str = "*";

/// Fields, words and people of the source in the target's terms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Source field to target field; `None`: not carried. Plain fields that are not listed go into the field of the same
    /// name, a desk's own fields that are not listed follow `custom:*`, and are not carried without it.
    pub fields: BTreeMap<FieldKey, Option<FieldKey>>,
    /// By source field. A field without a table keeps its words.
    pub tables: BTreeMap<FieldKey, Table>,
    /// Addresses that differ: source to target, lower case.
    pub people: BTreeMap<String, String>,
    /// By source field, for words of the target that more than one source word becomes, or that stand for every other word: which one
    /// comes back where the ticket does not hold one of them already.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub back: BTreeMap<FieldKey, BTreeMap<String, String>>,
}

/// Words of one field. The word `""` is the empty value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub words: BTreeMap<String, String>,
    pub other: Other,
}

/// What becomes of a word that the table does not list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Other {
    #[default]
    Unmapped,
    /// It keeps its spelling.
    Same,
    /// It becomes this word.
    Word(String),
}

/// A value in the other desk's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    Value(Value),
    /// The words that the mapping does not know; nothing of the value is used.
    Unmapped(Vec<String>),
}

impl Mapping {
    /// The target's field that this source field goes into; `None`: it is not carried.
    pub fn field<'a>(&'a self, source: &'a FieldKey) -> Option<&'a FieldKey> {
        let FieldKey::Custom(_) = source else {
            return self.fields.get(source).map_or(Some(source), Option::as_ref);
        };
        let every = FieldKey::custom(EVERY);
        match self.fields.get(source).or_else(|| self.fields.get(&every))? {
            Some(target) if *target == every => Some(source),
            target => target.as_ref(),
        }
    }

    /// What a desk calls a field of the source; `None`: it is not carried.
    pub fn field_at<'a>(&'a self, side: Side, source: &'a FieldKey) -> Option<&'a FieldKey> {
        match side {
            Side::Source => Some(source),
            Side::Target => self.field(source),
        }
    }

    /// The source's field that goes into this target field; `None`: none does.
    pub fn source_field(&self, target: &FieldKey) -> Option<FieldKey> {
        let every = FieldKey::custom(EVERY);
        let listed = self.fields.iter().find(|(from, to)| to.as_ref() == Some(target) && **from != every);
        listed.map(|(from, _)| from.clone()).or_else(|| (self.field(target) == Some(target)).then(|| target.clone()))
    }

    /// Whether the mapping says something about this source field, even if only that it is not carried.
    pub fn speaks_of(&self, source: &FieldKey) -> bool {
        !matches!(source, FieldKey::Custom(_))
            || self.fields.contains_key(source)
            || self.fields.contains_key(&FieldKey::custom(EVERY))
    }

    /// A value of a source field in the target's words. People pass through: they are linked by id, not by word.
    pub fn value(&self, source: &FieldKey, value: &Value) -> Mapped {
        match self.tables.get(source) {
            Some(table) => table.forward(value),
            None => Mapped::Value(value.clone()),
        }
    }

    /// The source value that a target value stands for, given what the source held before: where `before` already maps to
    /// `target`, that is `before` itself, and words of `before` that still hold are kept. So [`Mapping::value`] of the
    /// answer is `target` again, and nothing that the target cannot tell apart is changed. A word that is chosen among several is
    /// the one that `back` names, else the first in the alphabet, and `avoid` only where there is no other.
    pub fn inverse(&self, source: &FieldKey, before: &Value, target: &Value, avoid: Option<&str>) -> Mapped {
        match self.tables.get(source) {
            Some(table) => Backward { table, told: self.back.get(source), avoid }.value(before, target),
            None => Mapped::Value(target.clone()),
        }
    }

    /// The target's fields in the source's words, given what the source holds, if it has the ticket. A value without a word stays as the
    /// target spells it.
    pub fn in_source_words(&self, target: &Fields, before: Option<&Fields>) -> Fields {
        let back = |(key, value): (&FieldKey, &Value)| {
            let source = self.source_field(key)?;
            let before = before.and_then(|fields| fields.get(&source)).unwrap_or(&Value::Empty);
            let value = match self.inverse(&source, before, value, None) {
                Mapped::Value(value) => value,
                Mapped::Unmapped(_) => value.clone(),
            };
            Some((source, value))
        };
        target.iter().filter_map(back).collect()
    }

    /// The address that stands at the target for a source address, where the mapping names another.
    pub fn address(&self, source: &str) -> Option<&str> {
        self.people.get(&source.to_lowercase()).map(String::as_str)
    }

    /// The first source address that [`Mapping::address`] turns into this target address.
    pub fn source_address(&self, target: &str) -> Option<&str> {
        let target = target.to_lowercase();
        self.people.iter().find(|(_, to)| **to == target).map(|(from, _)| from.as_str())
    }

    /// Twelve hexadecimal digits that change when anything in the mapping does.
    pub fn version(&self) -> String {
        let json = serde_json::to_vec(self).expect("text, sets and tables with text keys are always JSON");
        hex::encode(&Sha256::digest(&json)[..6])
    }
}

impl Table {
    /// A word in the target's spelling; `""` for none.
    pub fn word<'a>(&'a self, source: &'a str) -> Option<&'a str> {
        match (self.words.get(source), &self.other) {
            (Some(word), _) => Some(word),
            // The empty value is not a word that somebody forgot to list.
            (None, _) if source.is_empty() => Some(""),
            (None, Other::Same) => Some(source),
            (None, Other::Word(word)) => Some(word),
            (None, Other::Unmapped) => None,
        }
    }

    fn forward(&self, value: &Value) -> Mapped {
        match value {
            Value::Person(_) | Value::People(_) => Mapped::Value(value.clone()),
            Value::Empty => self.one(""),
            Value::Text(text) => self.one(text),
            Value::Set(set) => {
                let unknown = set.iter().filter(|word| self.word(word).is_none()).cloned();
                known_or(unknown.collect(), || {
                    Value::set(set.iter().filter_map(|word| self.word(word)).filter(|word| !word.is_empty()))
                })
            }
        }
    }

    fn one(&self, word: &str) -> Mapped {
        match self.word(word) {
            Some(word) => Mapped::Value(Value::text(word)),
            None => Mapped::Unmapped(vec![word.to_string()]),
        }
    }

    /// Whether `source` becomes what `target` says; a text and a set of one word say the same.
    fn reads(&self, source: &Value, target: &Value) -> bool {
        matches!(self.forward(source), Mapped::Value(value) if value.words() == target.words() && value.persons() == target.persons())
    }

    /// `other = Word(w)` makes of every unlisted word a `w`, `w` itself too; that says nothing about the source having it.
    fn tells(&self, word: &str) -> bool {
        word.is_empty() || self.words.contains_key(word) || self.other == Other::Same
    }
}

/// A table read from the target's words to the source's.
struct Backward<'a> {
    table: &'a Table,
    told: Option<&'a BTreeMap<String, String>>,
    avoid: Option<&'a str>,
}

impl Backward<'_> {
    fn value(&self, before: &Value, target: &Value) -> Mapped {
        if self.table.reads(before, target) {
            return Mapped::Value(before.clone());
        }
        let found = match (before, target) {
            (_, Value::Person(_) | Value::People(_)) => return Mapped::Value(target.clone()),
            (Value::Set(before), _) => self.set(before, &target.words()),
            (_, Value::Set(_)) => self.set(&BTreeSet::new(), &target.words()),
            (_, Value::Text(text)) => self.one(text),
            (_, Value::Empty) => self.one(""),
        };
        match found {
            Mapped::Value(value) if !self.table.reads(&value, target) => Mapped::Unmapped(words_of(target)),
            found => found,
        }
    }

    fn one(&self, target: &str) -> Mapped {
        match self.word(target) {
            Some(word) => Mapped::Value(Value::text(word)),
            None => Mapped::Unmapped(vec![target.to_string()]),
        }
    }

    /// Words of `before` that the target does not show (they map to nothing) stay; of those that map to a word which is
    /// still there, all stay; words that are new are looked up.
    fn set(&self, before: &BTreeSet<String>, target: &[&str]) -> Mapped {
        let to = |word: &str| self.table.word(word).map(str::to_string);
        let still = |word: &&String| to(word).is_some_and(|to| to.is_empty() || target.contains(&to.as_str()));
        let kept: BTreeSet<&String> = before.iter().filter(still).collect();
        let new = target.iter().filter(|held| !kept.iter().any(|word| to(word).as_deref() == Some(**held)));
        let (found, unknown): (Vec<_>, Vec<_>) = new.map(|to| (*to, self.word(to))).partition(|(_, from)| from.is_some());
        known_or(unknown.iter().map(|(to, _)| to.to_string()).collect(), || {
            let found = found.into_iter().filter_map(|(_, from)| from);
            Value::set(kept.into_iter().cloned().chain(found))
        })
    }

    /// A source word that maps to `target`: the one that was named, itself if it does, else the first in the alphabet that is listed.
    fn word(&self, target: &str) -> Option<String> {
        if let Some(told) = self.told.and_then(|told| told.get(target)) {
            return Some(told.clone());
        }
        let avoided = |word: &str| self.avoid == Some(word);
        if self.table.word(target) == Some(target) && self.table.tells(target) && !avoided(target) {
            return Some(target.to_string());
        }
        let mut listed: Vec<&str> =
            self.table.words.iter().filter(|(_, to)| *to == target).map(|(from, _)| from.as_str()).collect();
        listed.sort_by_key(|word| avoided(word));
        listed.first().map(|word| (*word).to_string())
    }
}

fn words_of(value: &Value) -> Vec<String> {
    match value.words() {
        words if words.is_empty() => vec![String::new()],
        words => words.into_iter().map(str::to_string).collect(),
    }
}

fn known_or(unknown: Vec<String>, value: impl FnOnce() -> Value) -> Mapped {
    if unknown.is_empty() { Mapped::Value(value()) } else { Mapped::Unmapped(unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(words: &[(&str, &str)], other: Other) -> Table {
        Table { words: words.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect(), other }
    }

    fn with(table: Table) -> Mapping {
        Mapping { tables: BTreeMap::from([(FieldKey::Status, table)]), ..Mapping::default() }
    }

    fn text(word: &str) -> Mapped {
        Mapped::Value(Value::text(word))
    }

    #[test]
    fn many_words_become_one_and_the_one_they_came_from_comes_back() {
        let mapping =
            with(table(&[("hold", "open"), ("open", "open"), ("pending", "open"), ("solved", "resolved")], Other::Unmapped));
        let back =
            |before: &str, target: &str| mapping.inverse(&FieldKey::Status, &Value::text(before), &Value::text(target), None);
        assert_eq!(mapping.value(&FieldKey::Status, &Value::text("pending")), text("open"));
        assert_eq!(back("pending", "open"), text("pending"));
        assert_eq!(back("solved", "open"), text("open"));
        assert_eq!(back("pending", "resolved"), text("solved"));
        assert_eq!(back("pending", "rejected"), Mapped::Unmapped(vec!["rejected".to_string()]));
    }

    #[test]
    fn unlisted_words_are_unmapped_kept_or_made_one() {
        let status = |other, word: &str| with(table(&[("a", "b")], other)).value(&FieldKey::Status, &Value::text(word));
        assert_eq!(status(Other::Unmapped, "x"), Mapped::Unmapped(vec!["x".to_string()]));
        assert_eq!(status(Other::Same, "x"), text("x"));
        assert_eq!(status(Other::Word("rest".to_string()), "x"), text("rest"));
        assert_eq!(status(Other::Word("rest".to_string()), ""), Mapped::Value(Value::Empty));
    }

    #[test]
    fn a_set_keeps_the_words_that_the_target_cannot_show() {
        let mapping = with(table(&[("secret", ""), ("a", "x"), ("b", "x"), ("c", "y")], Other::Unmapped));
        let before = Value::set(["secret", "b", "c"]);
        assert_eq!(mapping.value(&FieldKey::Status, &before), Mapped::Value(Value::set(["x", "y"])));
        let back = mapping.inverse(&FieldKey::Status, &before, &Value::set(["x"]), None);
        assert_eq!(back, Mapped::Value(Value::set(["secret", "b"])));
    }

    #[test]
    fn the_empty_value_has_a_word_only_where_the_table_gives_it_one() {
        let mapping = with(table(&[("", "0"), ("low", "20")], Other::Unmapped));
        assert_eq!(mapping.value(&FieldKey::Status, &Value::Empty), text("0"));
        assert_eq!(mapping.inverse(&FieldKey::Status, &Value::text("low"), &Value::text("0"), None), Mapped::Value(Value::Empty));
        assert_eq!(mapping.value(&FieldKey::Priority, &Value::Empty), Mapped::Value(Value::Empty));
    }

    #[test]
    fn own_fields_are_carried_when_listed_or_all_by_name() {
        let (every, area) = (FieldKey::custom(EVERY), FieldKey::custom("Area"));
        let mut mapping = Mapping::default();
        assert_eq!((mapping.field(&area), mapping.speaks_of(&area)), (None, false));
        mapping.fields.insert(every.clone(), Some(every.clone()));
        assert_eq!((mapping.field(&area), mapping.speaks_of(&area)), (Some(&area), true));
        mapping.fields.insert(area.clone(), None);
        assert_eq!(mapping.field(&area), None);
        mapping.fields.insert(every, None);
        assert_eq!(mapping.field(&FieldKey::custom("Other")), None);
    }

    #[test]
    fn the_word_that_comes_back_is_the_one_that_was_named_and_what_ends_a_ticket_for_good_the_last_choice() {
        let mut mapping = with(table(&[("closed", "resolved"), ("solved", "resolved")], Other::Word("open".to_string())));
        let back =
            |mapping: &Mapping, avoid, to: &str| mapping.inverse(&FieldKey::Status, &Value::Empty, &Value::text(to), avoid);
        assert_eq!(back(&mapping, None, "resolved"), text("closed"));
        assert_eq!(back(&mapping, Some("closed"), "resolved"), text("solved"));
        assert_eq!(back(&mapping, None, "open"), Mapped::Unmapped(vec!["open".to_string()]));
        let told = [("resolved", "solved"), ("open", "pending")].map(|(to, from)| (to.to_string(), from.to_string()));
        mapping.back.insert(FieldKey::Status, BTreeMap::from(told));
        assert_eq!((back(&mapping, None, "resolved"), back(&mapping, None, "open")), (text("solved"), text("pending")));
    }

    #[test]
    fn a_target_field_leads_back_to_the_source_field_that_goes_into_it() {
        let [area, region, kind] = ["Area", "Region", "Kind"].map(FieldKey::custom);
        let fields = BTreeMap::from([(area.clone(), Some(region.clone())), (FieldKey::Type, None), (kind.clone(), None)]);
        let mut mapping = Mapping { fields, ..Mapping::default() };
        assert_eq!(mapping.source_field(&region), Some(area.clone()));
        assert_eq!(mapping.source_field(&FieldKey::Subject), Some(FieldKey::Subject));
        assert_eq!([&FieldKey::Type, &kind, &area].map(|key| mapping.source_field(key)), [None, None, None]);
        mapping.fields.insert(FieldKey::custom(EVERY), Some(FieldKey::custom(EVERY)));
        assert_eq!(mapping.source_field(&FieldKey::custom("Else")), Some(FieldKey::custom("Else")));
        assert_eq!(mapping.source_field(&kind), None);
    }

    #[test]
    fn people_are_found_by_any_spelling_of_their_address() {
        let people = BTreeMap::from([("jo@a.example".to_string(), "jo.miller@b.example".to_string())]);
        let mapping = Mapping { people, ..Mapping::default() };
        assert_eq!(mapping.address("Jo@A.example"), Some("jo.miller@b.example"));
        assert_eq!(mapping.source_address("jo.miller@B.example"), Some("jo@a.example"));
        assert_eq!(mapping.address("else@a.example"), None);
    }

    #[test]
    fn the_version_changes_with_the_mapping_and_with_nothing_else() {
        let one = with(table(&[("a", "b")], Other::Unmapped));
        let json = serde_json::to_string(&one).expect("plain data");
        assert_eq!(serde_json::from_str::<Mapping>(&json).expect("what we wrote").version(), one.version());
        assert_eq!(one.version().len(), 12);
        assert_ne!(one.version(), with(table(&[("a", "b")], Other::Same)).version());
    }

    fn any_table() -> impl Strategy<Value = Table> {
        let other = prop_oneof![Just(Other::Unmapped), Just(Other::Same), "[a-d]?".prop_map(Other::Word)];
        (proptest::collection::btree_map("[a-d]?", "[a-d]?", 0..5), other).prop_map(|(words, other)| Table { words, other })
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            "[a-e]?".prop_map(|word: String| Value::text(word)),
            proptest::collection::btree_set("[a-e]", 0..4).prop_map(|words: BTreeSet<String>| Value::set(words)),
        ]
    }

    proptest! {
        #[test]
        fn what_was_put_is_what_is_got_back(table in any_table(), before in any_value()) {
            let mapping = with(table);
            if let Mapped::Value(target) = mapping.value(&FieldKey::Status, &before) {
                prop_assert_eq!(mapping.inverse(&FieldKey::Status, &before, &target, None), Mapped::Value(before));
            }
        }

        #[test]
        fn what_is_got_back_says_the_same_when_it_is_put_again(table in any_table(), before in any_value(), target in any_value()) {
            let mapping = with(table);
            if let Mapped::Value(source) = mapping.inverse(&FieldKey::Status, &before, &target, None) {
                let Mapped::Value(again) = mapping.value(&FieldKey::Status, &source) else { panic!("{source} is not known") };
                prop_assert_eq!(again.words(), target.words());
            }
        }
    }
}
