//! What an admin could write into the mirror file, when a desk has words or fields that the mapping does not know, or not any more.
//! Only the tickets that need it are parked, with the proposal; applying the file again tries them anew.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::clock::Monotonic;
use crate::config::mistake::{list, nearest};
use crate::config::values::{back_head, table_head};
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::TicketId;
use crate::desk::schema::Schema;
use crate::merge::base::FieldWrite;
use crate::merge::plan::Step;

use super::course::Course;
use super::fate::{Fate, Parking, Result};
use super::house::House;
use super::perform::Round;

/// A desk's fields are believed for so long.
const FRESH: Duration = Duration::from_secs(60);
/// What an admin has to fill in.
const BLANK: &str = "…";
/// Words that are listed where none is near.
const SHOWN: usize = 12;
/// How soon a ticket is tried again when another mapping is being taken in.
const SOON: Duration = Duration::from_secs(2);

/// The fields and values of both desks, asked for when somebody has to know.
#[derive(Debug, Default)]
pub struct Words {
    kept: Mutex<[Option<Kept>; 2]>,
}

type Kept = (Monotonic, Arc<Schema>);

impl Words {
    /// A desk's fields, not older than a minute.
    pub async fn of(&self, course: &Course, side: Side) -> std::result::Result<Arc<Schema>, Fault> {
        let mut kept = self.kept.lock().await;
        let place = &mut kept[usize::from(side == Side::Target)];
        match place {
            Some((at, schema)) if at.elapsed() < FRESH => Ok(schema.clone()),
            _ => {
                let schema = Arc::new(course.desk(side).schema().await?);
                *place = Some((Monotonic::now(), schema.clone()));
                Ok(schema)
            }
        }
    }
}

/// Errors: `NotYet` while this process goes by an older mapping than the one that was applied last.
pub async fn by_the_latest(house: &House, course: &Course) -> Result<()> {
    if house.ledger.mapping_version(course.id).await? == course.mapping_version {
        return Ok(());
    }
    Err(Fate::NotYet { after: SOON, why: "another mapping was applied and is being taken in".into() })
}

/// A ticket has words that no mapping knows. Errors: the ledger cannot be asked; as [`by_the_latest`].
pub async fn for_words(
    house: &House,
    course: &Course,
    (side, ticket): (Side, &TicketId),
    (field, words): (&FieldKey, &[String]),
) -> Result<Fate> {
    by_the_latest(house, course).await?;
    if side == Side::Target {
        return Ok(Fate::Park(parking((side, ticket), no_way_back(field, words))));
    }
    // Without the target's words there is still the word that is missing.
    let options = match course.mapping.field(field) {
        Some(there) => {
            course.words.of(course, Side::Target).await.ok().and_then(|schema| schema.fields.get(there)?.options.clone())
        }
        None => None,
    };
    let lines: Vec<String> = words.iter().map(|word| line(course, field, word, options.as_ref())).collect();
    let known = options.filter(|_| lines.iter().any(|line| line.contains(BLANK)));
    let known = known.map(|known| format!(" (the target has {})", shown(&known))).unwrap_or_default();
    let lost = Lost {
        kind: "unmapped",
        what: format!("the mapping has no word for `{}` in `{field}`", words.join("`, `")),
        right: format!("Write {} under {} in the mirror file{known}", lines.join(" and "), table_head(field)),
    };
    Ok(Fate::Park(parking((side, ticket), lost)))
}

/// Words of the target that no word of the source becomes, or more than one does.
fn no_way_back(field: &FieldKey, words: &[String]) -> Lost {
    let lines: Vec<String> = words.iter().map(|word| format!("`\"{word}\" = \"{BLANK}\"`")).collect();
    Lost {
        kind: "unmapped",
        what: format!("the mapping has no word of the source for `{}` in `{field}`", words.join("`, `")),
        right: format!("Write {} with a word of the source under {} in the mirror file", lines.join(" and "), back_head(field)),
    }
}

/// `"On hold" = "stalled"`: what the nearest word that is listed becomes, else the target's nearest word.
fn line(course: &Course, field: &FieldKey, word: &str, options: Option<&BTreeSet<String>>) -> String {
    let table = course.mapping.tables.get(field);
    let listed = table.and_then(|table| {
        let near = nearest(word, table.words.keys().map(String::as_str).filter(|known| !known.is_empty()))?;
        table.words.get(near)
    });
    let near = listed.map(String::as_str).or_else(|| nearest(word, options?.iter().map(String::as_str)));
    format!("`\"{word}\" = \"{}\"`", near.unwrap_or(BLANK))
}

/// A field that the ticket needs is not at its desk any more: it was renamed or removed, or the credential may not see it. A desk that
/// has the field and does not show it with this ticket is left alone.
pub async fn for_lost_fields(round: &Round<'_>, absent: &[FieldWrite]) -> Result<Option<Parking>> {
    let (course, ticket) = (round.course, (round.lead_side, &round.lead.id));
    if !absent.is_empty() {
        let there = course.words.of(course, round.lead_side.other()).await?;
        if let Some(lost) = absent
            .iter()
            .find(|write| !there.fields.contains_key(&write.key))
            .and_then(|write| lacking(write, round.lead_side.other(), &there))
        {
            return Ok(Some(parking(ticket, lost)));
        }
    }
    let gone: Vec<(&FieldKey, &Value)> = left_behind(round).collect();
    if gone.is_empty() {
        return Ok(None);
    }
    let here = course.words.of(course, round.lead_side).await?;
    let lost =
        gone.into_iter().filter(|(key, _)| !here.fields.contains_key(key)).find_map(|(key, value)| renamed(round, key, value));
    Ok(lost.map(|lost| parking(ticket, lost)))
}

/// Own fields of the leading ticket that were agreed on, are carried, and are not shown any more.
fn left_behind<'a>(round: &'a Round<'_>) -> impl Iterator<Item = (&'a FieldKey, &'a Value)> {
    let agreed = round.base.fields.iter().filter(|_| round.lead_side == Side::Source);
    let gone = |key: &FieldKey| {
        matches!(key, FieldKey::Custom(_)) && !round.lead.fields.contains_key(key) && round.course.mapping.field(key).is_some()
    };
    agreed.filter(move |(key, _)| gone(key)).map(|(key, agreed)| (key, &agreed.source))
}

/// The field that is most likely the one that was renamed, if the ticket says something else in it than before. One that still says
/// the same needs nobody; of one that has no likely heir nothing is known.
fn renamed(round: &Round<'_>, key: &FieldKey, agreed: &Value) -> Option<Lost> {
    let free = |(other, _): &(&FieldKey, &Value)| {
        matches!(other, FieldKey::Custom(_))
            && !round.base.fields.contains_key(other)
            && !round.course.mapping.fields.contains_key(other)
    };
    let others: Vec<(&FieldKey, &Value)> = round.lead.fields.iter().filter(free).collect();
    if *agreed != Value::Empty && others.iter().any(|(_, value)| *value == agreed) {
        return None;
    }
    let names: Vec<String> = others.iter().map(|(other, _)| other.to_string()).collect();
    let heir = nearest(&key.to_string(), names.iter().map(String::as_str))?;
    let (_, value) = others.iter().find(|(other, _)| other.to_string() == heir)?;
    if *value == agreed {
        return None;
    }
    let there = round.course.mapping.field(key)?;
    Some(Lost {
        kind: "field gone",
        what: format!("the source has no field `{key}` any more, or the credential may not see it; `{heir}` looks like it"),
        right: format!("Write `\"{heir}\" = \"{there}\"` in place of `\"{key}\" = …` under [map.fields] in the mirror file"),
    })
}

/// The following desk refused a step: maybe because it lacks a field or a word that the step wants. That is parked with a proposal at once,
/// unless another mapping is applied by now, which may know better; everything else stays the fault that it is.
pub async fn for_refusal(house: &House, course: &Course, (side, ticket): (Side, &TicketId), (step, fate): (&Step, Fate)) -> Fate {
    let Fate::Fault(fault @ Fault::Refused { .. }) = fate else { return fate };
    let writes: &[FieldWrite] = match step {
        Step::Create { fields, .. } => fields,
        Step::SetFields(writes) => writes,
        Step::StatusLast(write) => std::slice::from_ref(write),
        _ => return Fate::Fault(fault),
    };
    let there = side.other();
    let Ok(schema) = course.words.of(course, there).await else { return Fate::Fault(fault) };
    let Some(lost) = writes.iter().find_map(|write| lacking(write, there, &schema)) else { return Fate::Fault(fault) };
    match by_the_latest(house, course).await {
        Ok(()) => Fate::Park(parking((side, ticket), lost)),
        Err(soon) => soon,
    }
}

/// Something that a desk lacks.
struct Lost {
    kind: &'static str,
    what: String,
    /// What would be right.
    right: String,
}

fn parking((side, ticket): (Side, &TicketId), lost: Lost) -> Parking {
    Parking {
        kind: lost.kind,
        reason: format!("{} ticket {ticket}: {}", side.as_str(), lost.what),
        advice: format!("{}, and apply the file: every ticket that waits for this goes on by itself.", lost.right),
    }
}

/// What a desk lacks for a write.
fn lacking(write: &FieldWrite, there: Side, schema: &Schema) -> Option<Lost> {
    let (from, to, desk) = (&write.source, &write.key, there.as_str());
    let Some(field) = schema.fields.get(to) else {
        let known: Vec<String> = schema.fields.keys().map(FieldKey::to_string).collect();
        let near = nearest(&to.to_string(), known.iter().map(String::as_str)).unwrap_or("custom:…").to_string();
        let what = format!("the {desk} has no field `{to}` (any more), or the credential may not see it");
        let right = format!("Make it at the {desk}, or write `\"{from}\" = \"{near}\"` under [map.fields] in the mirror file");
        return Some(Lost { kind: "field gone", what, right });
    };
    let options = field.options.as_ref()?;
    let words = write.intended.words();
    let lost = words.iter().find(|word| !options.contains(**word))?;
    let near = nearest(lost, options.iter().map(String::as_str)).unwrap_or(BLANK);
    let value = write.lead.words().first().copied().unwrap_or(lost).to_string();
    let what = format!("the {desk} has no value `{lost}` in `{to}` (any more)");
    let head = if there == Side::Target { table_head(from) } else { back_head(from) };
    let right = format!(
        "Make it at the {desk}, or write `\"{value}\" = \"{near}\"` under {head} in the mirror file (the {desk} has {})",
        shown(options)
    );
    Some(Lost { kind: "unmapped", what, right })
}

fn shown(words: &BTreeSet<String>) -> String {
    let some = list(words.iter().take(SHOWN).map(String::as_str)).replace(" or ", " and ");
    if words.len() > SHOWN { format!("{some} and {} more", words.len() - SHOWN) } else { some }
}
