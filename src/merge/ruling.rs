//! What a person decided about one field: obeyed once, and only where both desks still hold what the person saw.

use serde::{Deserialize, Serialize};

use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};

use super::base::{Apart, FieldBase, FieldWrite};
use super::plan::Plan;
use super::reason::Reason;
use super::scene::{Scene, Wanted};

/// Which value is to stand in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The source's, in the target's words.
    Source,
    /// The target's own.
    Target,
    /// [`Ruling::value`].
    Value,
}

/// A decision about one field of one pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// The ledger's number of it.
    pub id: i64,
    /// By the source's key.
    pub field: FieldKey,
    /// What the source held; `None`: it does not matter.
    pub source: Option<Value>,
    /// What the target held.
    pub target: Value,
    pub keep: Keep,
    /// In the target's words.
    pub value: Option<Value>,
}

impl Ruling {
    /// Whether both desks still hold what the person saw. `lead`, `follow`: what they hold now.
    fn applies(&self, side: Side, lead: &Value, follow: &Value) -> bool {
        let (source, target) = if side == Side::Source { (lead, follow) } else { (follow, lead) };
        // What does not ask about the source is about a value of a target that follows.
        let of_source = self.source.as_ref().map_or(side == Side::Source, |seen| seen == source);
        self.target == *target && of_source
    }

    /// Whether it was carried out by a process that died before it could say so: `agreed` on it, and `held` by the following desk.
    pub fn stands(&self, agreed: &FieldBase, held: &Value) -> bool {
        match (&self.source, &self.value) {
            (Some(source), _) => agreed.source == *source,
            (None, Some(value)) => agreed.apart == Some(Apart::ByPerson) && agreed.target == *value && value == held,
            (None, None) => false,
        }
    }
}

/// The ruling about a field that can be obeyed now.
pub(super) fn about<'a>(scene: &Scene<'a>, write: &FieldWrite) -> Option<&'a Ruling> {
    let of_field = scene.rulings.iter().rev().find(|ruling| ruling.field == write.source)?;
    Some(of_field).filter(|ruling| ruling.applies(scene.lead_side, &write.lead, &write.before))
}

/// The write that a ruling asks for; `None`: what is there stands. `write` is what the leading desk would have.
pub(super) fn obey(scene: &Scene<'_>, ruling: &Ruling, write: FieldWrite, plan: &mut Plan) -> Option<FieldWrite> {
    plan.obeyed.push(ruling.id);
    let leads = if scene.lead_side == Side::Source { Keep::Source } else { Keep::Target };
    let (intended, apart) = match (ruling.keep, &ruling.value) {
        (keep, _) if keep == leads => (write.intended, None),
        (Keep::Value, Some(value)) => (in_words_there(scene, &write, value), Some(Apart::ByPerson)),
        _ => (write.before.clone(), Some(Apart::ByPerson)),
    };
    let write = FieldWrite { intended, apart, why: Reason::Ruled, ..write };
    if write.intended == write.before {
        plan.agreed.insert(write.source.clone(), write.agreed(scene.lead_side));
        return None;
    }
    Some(write)
}

/// A value in the target's words as the following desk spells it; where it has no word, what is there stays.
fn in_words_there(scene: &Scene<'_>, write: &FieldWrite, value: &Value) -> Value {
    if scene.lead_side == Side::Source {
        return value.clone();
    }
    match scene.wanted(&write.source, value) {
        Wanted::Value(value) => value,
        Wanted::Unmapped(_) | Wanted::Unknown => write.before.clone(),
    }
}

/// A value that a person typed, of the kind that the field holds; `None`: the field is about people, who are no words.
pub fn value_like(word: &str, held: [&Value; 2]) -> Option<Value> {
    let is = |kind: fn(&Value) -> bool| held.into_iter().any(kind);
    if is(|value| matches!(value, Value::Person(_) | Value::People(_))) {
        return None;
    }
    if is(|value| matches!(value, Value::Set(_))) {
        return Some(Value::set(word.split(',').map(str::trim).filter(|word| !word.is_empty())));
    }
    Some(Value::text(word))
}
