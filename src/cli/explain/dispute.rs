//! Fields that both desks had changed: which value stands, and who said so.

use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::ledger::conflict::Conflict;

use super::account::{Deed, Papers};

/// What came of it, as the end of a sentence.
pub fn outcome(conflict: &Conflict) -> String {
    let chosen = match conflict.winner.as_str() {
        "source" => "the old desk's value".to_string(),
        "target" => "the new desk's value".to_string(),
        "value" => conflict.decided_value.as_ref().map_or_else(|| "another value".to_string(), |value| format!("`{value}`")),
        _ if conflict.is_open() => return "nobody has decided yet".to_string(),
        _ => return "there was nothing left to decide: the desks agree, or say something newer".to_string(),
    };
    match &conflict.decided_by {
        Some(who) => format!("{who} decided for {chosen}"),
        None => format!("the mirror's policy lets {chosen} stand"),
    }
}

/// A conflict among what happened.
pub fn deed(conflict: &Conflict) -> Deed {
    Deed::Conflict {
        conflict: conflict.id,
        field: conflict.field.clone(),
        old: conflict.source.to_string(),
        new: conflict.target.to_string(),
        winner: conflict.winner.clone(),
        outcome: outcome(conflict),
    }
}

/// The latest conflict by which the following desk's value stands against `lead`, the leading one.
pub fn of_value_that_stands<'a>(papers: &Papers<'a>, key: &FieldKey, lead: &Value) -> Option<&'a Conflict> {
    let side = papers.pair.lead();
    papers.history.conflicts.iter().rev().find(|conflict| {
        let said = if side == Side::Source { &conflict.source } else { &conflict.target };
        conflict.field == key.to_string() && conflict.winner == side.other().as_str() && said == lead
    })
}
