//! What another mapping means for what was agreed under the one before. Pure.

use crate::desk::field::{FieldKey, Value};
use crate::desk::mapping::{Mapped, Mapping};

use super::base::Base;

/// An agreed field of a ticket that the new mapping wants otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The source's field.
    pub field: FieldKey,
    /// What the source said.
    pub value: Value,
    /// What the target got for it; `None`: nothing, or in another field.
    pub before: Option<Value>,
    /// What it would get now; `None`: the new mapping has no word for it.
    pub now: Option<Value>,
}

/// The agreed fields of a ticket that `new` wants otherwise than `old`, unless the target has it so already. People are linked by id,
/// not by word.
pub fn changes(base: &Base, old: &Mapping, new: &Mapping) -> Vec<Change> {
    let mut changes = Vec::new();
    for (field, agreed) in &base.fields {
        if matches!(agreed.source, Value::Person(_) | Value::People(_)) {
            continue;
        }
        let Some(there) = new.field(field) else { continue };
        let same_field = old.field(field) == Some(there);
        let before = word(old, field, &agreed.source).filter(|_| same_field);
        let now = word(new, field, &agreed.source);
        let holds = same_field && now.as_ref() == Some(&agreed.target);
        if before != now && !holds {
            changes.push(Change { field: field.clone(), value: agreed.source.clone(), before, now });
        }
    }
    changes
}

/// Source fields that `new` carries and `old` did not, as they are written in the file.
pub fn added(old: &Mapping, new: &Mapping) -> Vec<FieldKey> {
    let carried = new.fields.iter().filter(|(_, to)| to.is_some()).map(|(from, _)| from);
    carried.filter(|from| old.field(from).is_none()).cloned().collect()
}

/// Source fields that `old` carried and `new` does not: what the target has of them stays.
pub fn dropped(old: &Mapping, new: &Mapping) -> Vec<FieldKey> {
    let plain = FieldKey::plain().filter_map(|word| word.parse().ok());
    let listed = plain.chain(old.fields.keys().cloned());
    let mut dropped: Vec<FieldKey> = listed.filter(|from| old.field(from).is_some() && new.field(from).is_none()).collect();
    dropped.sort();
    dropped.dedup();
    dropped
}

fn word(mapping: &Mapping, field: &FieldKey, value: &Value) -> Option<Value> {
    match mapping.value(field, value) {
        Mapped::Value(value) => Some(value),
        Mapped::Unmapped(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::desk::Side;
    use crate::desk::mapping::{Other, Table};
    use crate::merge::base::FieldBase;

    fn mapping(words: &[(&str, &str)], fields: &[(&str, Option<&str>)]) -> Mapping {
        let words = words.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect();
        let field = |name: &str| name.parse::<FieldKey>().expect("a field");
        Mapping {
            tables: BTreeMap::from([(FieldKey::Status, Table { words, other: Other::Unmapped })]),
            fields: fields.iter().map(|(from, to)| (field(from), to.map(field))).collect(),
            ..Mapping::default()
        }
    }

    fn base(fields: &[(&str, &str, &str)]) -> Base {
        let agreed = |source: &str, target: &str| FieldBase::from_lead(Side::Source, Value::text(source), Value::text(target));
        let fields = fields.iter().map(|(key, source, target)| (key.parse().expect("a field"), agreed(source, target)));
        Base { fields: fields.collect(), ..Base::default() }
    }

    #[test]
    fn only_values_whose_word_is_another_are_changes() {
        let (old, new) =
            (mapping(&[("hold", "open"), ("new", "new")], &[]), mapping(&[("hold", "stalled"), ("new", "new")], &[]));
        let of = |agreed: &Base| changes(agreed, &old, &new);
        let held = of(&base(&[("status", "hold", "open"), ("subject", "a", "a")]));
        let expected = Change {
            field: FieldKey::Status,
            value: Value::text("hold"),
            before: Some(Value::text("open")),
            now: Some(Value::text("stalled")),
        };
        assert_eq!(held, [expected]);
        assert_eq!(of(&base(&[("status", "new", "new")])), []);
        assert_eq!(of(&base(&[("status", "hold", "stalled")])), [], "it was written under the new one already");
    }

    #[test]
    fn another_field_a_lost_word_and_new_and_dropped_fields_are_told_apart() {
        let old = mapping(&[("hold", "open")], &[("custom:Area", Some("custom:Zone")), ("custom:Old", Some("custom:Old"))]);
        let new =
            mapping(&[], &[("custom:Area", Some("custom:Region")), ("custom:New", Some("custom:New")), ("custom:Old", None)]);
        let found =
            changes(&base(&[("status", "hold", "open"), ("custom:Area", "x", "x"), ("custom:Old", "y", "y")]), &old, &new);
        let told: Vec<(String, bool, bool)> =
            found.iter().map(|one| (one.field.to_string(), one.before.is_some(), one.now.is_some())).collect();
        assert_eq!(told, [("status".to_string(), true, false), ("custom:Area".to_string(), false, true)]);
        assert_eq!(added(&old, &new), [FieldKey::custom("New")]);
        assert_eq!(dropped(&old, &new), [FieldKey::custom("Old")]);
    }
}
