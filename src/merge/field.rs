//! The three-way decision for one field.

use std::collections::BTreeSet;

use crate::desk::field::Value;

/// What is known of one field.
#[derive(Debug, Clone, Copy)]
pub struct Three<'a> {
    /// What the leading and the following desk held when they last agreed; `None`: they never did.
    pub base: Option<(&'a Value, &'a Value)>,
    /// The leading desk now.
    pub lead: &'a Value,
    /// `lead` in the following desk's words.
    pub wanted: &'a Value,
    /// `base`'s leading value in the following desk's words, for sets.
    pub wanted_before: Option<&'a Value>,
    /// The following desk now.
    pub follow: &'a Value,
    /// What `follow` held at the base is its own people's value: writing over it is a conflict.
    pub is_own: bool,
}

impl Three<'_> {
    /// Sets are united, everything else is decided as a whole.
    pub(super) fn is_set(&self) -> bool {
        self.lead.is_set() || self.follow.is_set() || self.wanted.is_set()
    }
}

/// Who wins when both changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winner {
    Lead,
    Follow,
    Ask,
}

/// What to do about a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Neither side has anything new, or the following desk's own change stands until the leading one changes.
    Leave,
    /// Both say the same already: take it as the new base.
    Agree,
    Write(Value),
    /// Both changed. `write` is `None` where the following desk keeps its value.
    Conflict {
        write: Option<Value>,
        undecided: bool,
    },
}

/// Decides; who wins is asked only where both changed. `follow` is never compared with `lead`, only with what it held itself and
/// with the value that we would write.
pub fn decide(three: Three<'_>, winner: impl FnOnce() -> Winner) -> Decision {
    if three.is_set() {
        return decide_set(three);
    }
    let Some((lead_before, follow_before)) = three.base else {
        // A leading desk that never said anything has nothing to overwrite with.
        let says_nothing = *three.lead == Value::Empty && *three.wanted == Value::Empty;
        return if three.follow == three.wanted || says_nothing {
            Decision::Agree
        } else if *three.follow == Value::Empty {
            Decision::Write(three.wanted.clone())
        } else {
            conflict(three, winner())
        };
    };
    if three.lead == lead_before {
        return Decision::Leave;
    }
    if three.follow == three.wanted {
        return Decision::Agree;
    }
    if three.follow == follow_before && !three.is_own {
        return Decision::Write(three.wanted.clone());
    }
    conflict(three, winner())
}

/// Decides a field whose mapping was changed since it was agreed on, and that is to be rewritten although the leading value is the same.
/// `wanted_before` is what the mapping before wanted. What the following desk changed since stays.
pub fn decide_again(three: Three<'_>) -> Decision {
    if three.is_set() {
        return combined(three);
    }
    if three.follow == three.wanted {
        Decision::Agree
    } else if three.base.is_none_or(|(_, follow_before)| three.follow == follow_before) {
        Decision::Write(three.wanted.clone())
    } else {
        Decision::Leave
    }
}

fn conflict(three: Three<'_>, winner: Winner) -> Decision {
    match winner {
        Winner::Lead => Decision::Conflict { write: Some(three.wanted.clone()), undecided: false },
        Winner::Follow => Decision::Conflict { write: None, undecided: false },
        Winner::Ask => Decision::Conflict { write: None, undecided: true },
    }
}

/// Sets never conflict: what the leading desk added is added, what it took out is taken out, the rest is the following desk's.
fn decide_set(three: Three<'_>) -> Decision {
    if three.base.is_some_and(|(lead_before, _)| lead_before == three.lead) {
        return Decision::Leave;
    }
    combined(three)
}

fn combined(three: Three<'_>) -> Decision {
    let empty = Value::Empty;
    let before = three.wanted_before.filter(|_| three.base.is_some()).unwrap_or(&empty);
    let merged = match (three.wanted, three.follow, before) {
        (Value::People(_), _, _) | (_, Value::People(_), _) | (_, _, Value::People(_)) => Value::people(combine(
            three.wanted.persons().into_iter().cloned().collect(),
            three.follow.persons().into_iter().cloned().collect(),
            before.persons().into_iter().cloned().collect(),
        )),
        _ => Value::set(combine(words(three.wanted), words(three.follow), words(before))),
    };
    if merged == *three.follow { Decision::Agree } else { Decision::Write(merged) }
}

fn words(value: &Value) -> BTreeSet<String> {
    value.words().into_iter().map(str::to_string).collect()
}

fn combine<T: Ord + Clone>(wanted: BTreeSet<T>, follow: BTreeSet<T>, before: BTreeSet<T>) -> BTreeSet<T> {
    let removed: BTreeSet<T> = before.difference(&wanted).cloned().collect();
    let added = wanted.difference(&before).cloned();
    follow.into_iter().filter(|item| !removed.contains(item)).chain(added).collect()
}
