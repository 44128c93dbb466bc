//! Reads `[map]`: which field becomes which, word by word.

use std::collections::BTreeMap;

use crate::desk::field::FieldKey;
use crate::desk::mapping::{EVERY, Mapping, Other, Table};

use super::mistake::nearest;
use super::page::{Entry, Section};

/// Plain fields whose words can have a table `[map.<field>]`.
pub const WITH_TABLES: [(&str, FieldKey); 8] = [
    ("status", FieldKey::Status),
    ("priority", FieldKey::Priority),
    ("type", FieldKey::Type),
    ("group", FieldKey::Group),
    ("brand", FieldKey::Brand),
    ("form", FieldKey::Form),
    ("organisation", FieldKey::Organisation),
    ("tags", FieldKey::Tags),
];

/// In place of a target field: the source field is not carried.
const IGNORE: &str = "ignore";

/// The mapping; everything as it is where nothing is written.
pub fn read(section: Option<Section<'_>>) -> Mapping {
    let Some(section) = section else { return Mapping::default() };
    let fields = section.part("fields").map(|part| fields(&part)).unwrap_or_default();
    let mut tables = BTreeMap::new();
    for (word, key) in WITH_TABLES {
        if let Some(part) = section.part(word) {
            tables.insert(key, table(&part));
        }
    }
    let options = section.part("options").map(|part| part.entries()).unwrap_or_default();
    tables.extend(options.iter().filter_map(|entry| Some((own_field(entry)?, table(&entry.section()?)))));
    let people = section.part("people").map(|part| people(&part)).unwrap_or_default();
    let back = section.part("back").map(|part| back(&part, &tables)).unwrap_or_default();
    section.finish();
    for key in tables.keys().filter(|key| fields.get(*key) == Some(&None)) {
        let what = format!("\"{key}\" is ignored, so its table means nothing");
        section.wrong(what, "remove the table, or carry the field under [map.fields]".to_string());
    }
    Mapping { fields, tables, people, back }
}

/// A field's name as it is written, with the mistake noted where it is none.
pub fn field_key(entry: &Entry<'_>, word: &str) -> Option<FieldKey> {
    if let Ok(key) = word.parse() {
        return Some(key);
    }
    let right = match nearest(word, FieldKey::plain()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!("a desk's own field is written \"custom:{word}\""),
    };
    entry.wrong(format!("\"{word}\" is no field"), right);
    None
}

fn own_field(entry: &Entry<'_>) -> Option<FieldKey> {
    let key = field_key(&entry.at_key(), entry.key)?;
    if matches!(&key, FieldKey::Custom(name) if name != EVERY) {
        return Some(key);
    }
    let right = format!("write [map.{}] for a plain field, [map.options.\"custom:Name\"] for a desk's own", entry.key);
    entry.at_key().wrong(format!("`{}` is not one field of a desk's own", entry.path), right);
    None
}

fn fields(part: &Section<'_>) -> BTreeMap<FieldKey, Option<FieldKey>> {
    let mut taken: BTreeMap<FieldKey, String> = BTreeMap::new();
    let mut fields = BTreeMap::new();
    for entry in part.entries() {
        let source = field_key(&entry.at_key(), entry.key);
        let Some((source, target)) = source.zip(target_of(&entry)) else { continue };
        if let Some(target) = &target
            && let Some(other) = taken.insert(target.clone(), entry.key.to_string())
        {
            let what = format!("\"{target}\" of the target would be written from \"{other}\" and from \"{}\"", entry.key);
            entry.wrong(what, format!("give each its own field, or write \"{IGNORE}\" for one of them"));
        }
        fields.insert(source, target);
    }
    fields
}

/// `Some(None)` for a field that is not carried.
fn target_of(entry: &Entry<'_>) -> Option<Option<FieldKey>> {
    let word = entry.text()?;
    if word == IGNORE {
        return Some(None);
    }
    let target = field_key(entry, word)?;
    let every = FieldKey::custom(EVERY).to_string();
    if (word == every) != (entry.key == every) {
        let right = format!("write \"{every}\" = \"{every}\" to carry all by their names, or \"{every}\" = \"{IGNORE}\"");
        entry.wrong(format!("`{every}` stands for all fields at once and cannot become one field"), right);
        return None;
    }
    Some(Some(target))
}

fn table(part: &Section<'_>) -> Table {
    let mut table = Table::default();
    for entry in part.entries() {
        let Some(word) = entry.text() else { continue };
        match (entry.key, word) {
            (EVERY, EVERY) => table.other = Other::Same,
            (EVERY, word) => table.other = Other::Word(word.to_string()),
            (_, EVERY) => {
                entry.wrong("\"*\" stands for every word and can be no target".to_string(), "write one word".to_string());
            }
            (key, word) => {
                table.words.insert(key.to_string(), word.to_string());
            }
        }
    }
    table
}

/// Which source word comes back for a target word, by source field. Only words that become it can.
fn back(part: &Section<'_>, tables: &BTreeMap<FieldKey, Table>) -> BTreeMap<FieldKey, BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    for entry in part.entries() {
        let (Some(key), Some(words)) = (field_key(&entry.at_key(), entry.key), entry.section()) else { continue };
        let Some(table) = tables.get(&key) else {
            let right = "a field without a table keeps its words both ways: remove this".to_string();
            entry.at_key().wrong(format!("\"{key}\" has no table, so `{}` means nothing", entry.path), right);
            continue;
        };
        let told = words.entries().into_iter().filter_map(|entry| {
            let word = entry.text()?;
            if table.word(word) == Some(entry.key) {
                return Some((entry.key.to_string(), word.to_string()));
            }
            let right = format!("name a word of the source that the table turns into \"{}\"", entry.key);
            entry.wrong(format!("\"{word}\" does not become \"{}\"", entry.key), right);
            None
        });
        fields.insert(key, told.collect());
    }
    fields
}

fn people(part: &Section<'_>) -> BTreeMap<String, String> {
    let mut people = BTreeMap::new();
    for entry in part.entries() {
        let Some(to) = entry.text() else { continue };
        for (text, place) in [(entry.key, &entry.at_key()), (to, &entry)] {
            if text.split_once('@').is_none_or(|(name, host)| name.is_empty() || host.is_empty()) {
                place.wrong(format!("\"{text}\" is no e-mail address"), "write it as agent@example.com".to_string());
            }
        }
        if people.insert(entry.key.to_lowercase(), to.to_lowercase()).is_some() {
            let what = format!("\"{}\" stands here twice; capitals make no difference", entry.key);
            entry.at_key().wrong(what, "keep one of the two".to_string());
        }
    }
    people
}
