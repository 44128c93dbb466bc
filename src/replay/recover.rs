//! Recovery: a write that was sent and not closed is looked up before anything is sent again.

use crate::clock::delta;
use crate::desk::Side;
use crate::desk::id::{MessageId, TicketId};
use crate::desk::ticket::{Ticket, number_of};
use crate::ledger::intent::OpenIntent;
use crate::ledger::lane::Claim;
use crate::ledger::pair::Pair;
use crate::ledger::settle::StepSettled;
use crate::merge::base::{Base, FieldBase, FieldWrite, MessageLink, Unheld};

use super::course::Course;
use super::fate::{Fate, Result, park};
use super::house::House;

/// What a former holder of the lane left half-done.
#[derive(Debug, Default)]
pub struct HalfDone {
    /// Field writes that may have happened, by the desk that they were sent to: where it holds the intended value, it is ours.
    pub fields: Vec<(Side, FieldWrite)>,
}

impl HalfDone {
    /// A half-done field write is ours where the desk holds what was intended. `at`: the tickets as they are now.
    pub fn take<'t>(&self, base: &mut Base, at: impl Fn(Side) -> &'t Ticket) {
        for (to, write) in self.fields.iter().filter(|(_, write)| !write.is_standing()) {
            if at(*to).fields.get(&write.key) == Some(&write.intended) {
                base.fields.insert(write.source.clone(), write.agreed(to.other()));
            }
        }
    }
}

/// Looks every open write up and closes it. Errors: `NotYet` until the desk's look-up lag is over.
pub async fn close_open(house: &House, course: &Course, claim: &Claim, pair: &Pair) -> Result<HalfDone> {
    let mut half_done = HalfDone::default();
    for intent in house.ledger.open_intents(claim).await? {
        wait_out(house, course, &intent)?;
        match intent.kind.as_str() {
            "create" => creation(house, course, claim, pair, &intent).await?,
            "message" => message(house, course, claim, pair, &intent).await?,
            "note" | "name" => note(house, course, claim, pair, &intent).await?,
            "fields" => {
                let writes: Vec<FieldWrite> = read_detail(&intent, "fields")?;
                half_done.fields.extend(writes.into_iter().map(|write| (intent.to, write)));
                house.ledger.void_intent(intent.id, house.clock.now()).await?;
            }
            // Restrictions, links, merges and deletions are planned again from what the target shows now.
            _ => house.ledger.void_intent(intent.id, house.clock.now()).await?,
        }
    }
    Ok(half_done)
}

fn wait_out(house: &House, course: &Course, intent: &OpenIntent) -> Result<()> {
    let lag = course.desk(intent.to).capabilities().lookup_lag_seconds;
    let lag = std::time::Duration::from_secs(u64::from(lag));
    let Some(sent_at) = intent.sent_at else { return Ok(()) };
    let sure_at = sent_at + delta(lag);
    let now = house.clock.now();
    if now >= sure_at {
        return Ok(());
    }
    let after = (sure_at - now).to_std().unwrap_or_default();
    Err(Fate::NotYet { after, why: format!("a {} may have reached the desk; it is looked up first", intent.kind) })
}

async fn creation(house: &House, course: &Course, claim: &Claim, pair: &Pair, intent: &OpenIntent) -> Result<()> {
    let found = course.desk(intent.to).find_ticket(&intent.key).await?;
    // A desk may still find what was taken back a moment ago.
    let found = house.ledger.not_buried(claim.mirror, &found).await?;
    let [only] = found.as_slice() else {
        return none_or_many(house, intent, &found.iter().map(TicketId::as_str).collect::<Vec<_>>(), "tickets").await;
    };
    let links: Vec<MessageLink> = read_detail(intent, "links")?;
    let fields: Vec<FieldWrite> = read_detail(intent, "fields")?;
    let mut base = pair.base.clone().unwrap_or_default().led_by(intent.to.other());
    for write in fields {
        let field = FieldBase { unread: true, ..write.agreed(intent.to.other()) };
        base.fields.insert(write.source, field);
    }
    let settled = StepSettled {
        intent: Some(intent.id),
        made: Some((intent.to, only)),
        base: Some(&base),
        links: &links,
        figures: &[("answers found again", 1), ("tickets created", 1)],
        ..StepSettled::default()
    };
    house.ledger.settle_step(claim, settled, house.clock.now()).await?;
    Ok(())
}

async fn message(house: &House, course: &Course, claim: &Claim, pair: &Pair, intent: &OpenIntent) -> Result<()> {
    let Some(ticket) = pair.ticket(intent.to) else {
        house.ledger.void_intent(intent.id, house.clock.now()).await?;
        return Ok(());
    };
    let found = course.desk(intent.to).find_message(ticket, &intent.key).await?;
    let Some(first) = first_made(&found) else {
        return none_or_many(house, intent, &[], "messages").await;
    };
    let links: Vec<MessageLink> = read_detail(intent, "links")?;
    let links: Vec<MessageLink> = links.into_iter().map(|link| MessageLink { copy: Some(first.clone()), ..link }).collect();
    let doubles = i64::try_from(found.len() - 1).unwrap_or(0);
    let settled = StepSettled {
        intent: Some(intent.id),
        links: &links,
        figures: &[("answers found again", 1), ("messages written", 1), ("doubles folded", doubles)],
        ..StepSettled::default()
    };
    house.ledger.settle_step(claim, settled, house.clock.now()).await?;
    Ok(())
}

/// Doubles of a paused process fold into the first that was made.
pub fn first_made(found: &[MessageId]) -> Option<&MessageId> {
    found.iter().min_by_key(|id| number_of(id.as_str()).unwrap_or(u128::MAX))
}

/// A note of ours that is there was told; one that is not is planned again.
async fn note(house: &House, course: &Course, claim: &Claim, pair: &Pair, intent: &OpenIntent) -> Result<()> {
    let found = match pair.ticket(intent.to) {
        Some(ticket) => course.desk(intent.to).find_message(ticket, &intent.key).await?,
        None => Vec::new(),
    };
    if found.is_empty() {
        house.ledger.void_intent(intent.id, house.clock.now()).await?;
        return Ok(());
    }
    let told: Vec<Unheld> = read_detail(intent, "unheld")?;
    let mut base = pair.base.clone().unwrap_or_default();
    if base.lead == intent.to.other() {
        base.unheld.extend(told);
    }
    let figures = [("answers found again", 1)];
    let settled = StepSettled { intent: Some(intent.id), base: Some(&base), figures: &figures, ..StepSettled::default() };
    house.ledger.settle_step(claim, settled, house.clock.now()).await?;
    Ok(())
}

async fn none_or_many(house: &House, intent: &OpenIntent, found: &[&str], what: &str) -> Result<()> {
    if found.is_empty() {
        house.ledger.void_intent(intent.id, house.clock.now()).await?;
        return Ok(());
    }
    doubled(found, what)
}

/// Parks what the target holds more than once under one key.
pub fn doubled<T>(found: &[&str], what: &str) -> Result<T> {
    park(
        "doubled",
        format!("the desk has more than one of our {what} under one key: {}", found.join(", ")),
        "Keep one and remove our key from the others (or delete them), then release this.",
    )
}

fn read_detail<T: serde::de::DeserializeOwned>(intent: &OpenIntent, part: &str) -> Result<T> {
    let json = intent.detail.get(part).cloned().unwrap_or_default();
    serde_json::from_value(json).map_err(|error| {
        let what = format!("intent {}", intent.id);
        Fate::Ledger(crate::ledger::Error::Unreadable { what, why: error.to_string() })
    })
}
