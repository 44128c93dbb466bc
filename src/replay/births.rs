//! Tickets that one desk alone has: which of them are made at the other one, whichever it is.

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::delta;
use crate::desk::Side;
use crate::desk::ticket::{Presence, Ticket};
use crate::ledger::lane::Claim;
use crate::ledger::pair::Pair;
use crate::ledger::settle::LaneSettled;
use crate::merge::base::Base;
use crate::merge::digest;
use crate::merge::plan::{Plan, Step};

use super::course::Course;
use super::fate::{Fate, Result};
use super::house::House;
use super::hydrate::{DOUBT, not_yet};

/// So far the clocks of a desk and of the gateway may be apart.
const CLOCKS: TimeDelta = TimeDelta::minutes(10);

/// A ticket that the other desk does not have and does not get: the state of its pair, and why in words where that is not plain.
/// Errors: `NotYet` about a ticket with our own key as long as what made it may still be settled.
pub(super) async fn untouched(
    house: &House,
    course: &Course,
    claim: &Claim,
    pair: &Pair,
    lead: &Ticket,
) -> Result<Option<(&'static str, Option<String>)>> {
    let side = pair.lead();
    if pair.ticket(side.other()).is_some() {
        return Ok(None);
    }
    if lead.key.as_deref().is_some_and(|key| course.keys.is_probe(key)) {
        return Ok(Some(("outside", Some("it proves that this desk can be written to".to_string()))));
    }
    if let Some(key) = lead.key.as_deref().filter(|key| course.keys.is_ours(key)) {
        // A hint about it overtook the settlement of its creation, which takes the hint over.
        if claim.attempts < DOUBT {
            return not_yet(claim, format!("{} ticket {} is one that we made; it is not settled yet", side.as_str(), lead.id));
        }
        return Ok(Some(("outside", Some(format!("it has our key `{key}`, and no ticket of the other desk stands for it")))));
    }
    let why = match &lead.presence {
        Presence::Deleted => return Ok(Some(("deleted", None))),
        Presence::MergedInto(_) if lead.messages.is_empty() => return Ok(Some(("merged", None))),
        Presence::MergedInto(_) => return Ok(None),
        Presence::Present => course.includes(side, lead, None).err(),
    };
    if let Some(why) = why {
        return Ok(Some(("outside", Some(why))));
    }
    if side == Side::Target {
        let since = house.ledger.births_since(claim.mirror).await?;
        if since.is_none_or(|since| lead.created_at < since - CLOCKS) {
            let why = "it was made before tickets of this desk were carried to the other one".to_string();
            return Ok(Some(("outside", Some(why))));
        }
    }
    Ok(None)
}

/// Settles a ticket that is left where it is: the state of its pair, why, and when it was read.
pub(super) async fn leave(
    house: &House,
    course: &Course,
    claim: &Claim,
    (pair, lead): (&Pair, &Ticket),
    (state, outside, read_at): (&str, Option<String>, DateTime<Utc>),
) -> Result<()> {
    let base = Base { outside, ..pair.base.clone().unwrap_or_default().led_by(pair.lead()) };
    let settled = LaneSettled {
        state,
        base: &base,
        lead: pair.lead(),
        lead_stamp: Some(&lead.stamp),
        lead_feed_stamp: lead.feed_stamp.as_deref(),
        follow_stamp: None,
        follow_feed_stamp: None,
        lead_shown: Some(digest::of_ticket(lead)),
        follow_shown: None,
        seen_acts: &[],
        read_at: Some(read_at),
        mapping_version: &course.mapping_version,
        incomplete_why: None,
        waits_for: &[],
        look_again_at: None,
        window: None,
        put_off: &[],
        figures: &[("hydrations", 1), ("calls saved", (claim.events - 1).max(0))],
    };
    house.ledger.settle_lane(claim, settled, house.clock.now()).await?;
    Ok(())
}

/// Counts a ticket that is made for a new one. What a copy makes, or what waited for long, tells nothing. Errors: `Halted`, there were too
/// many.
pub(super) async fn counted(house: &House, course: &Course, claim: &Claim, lead: &Ticket) -> Result<()> {
    let (limit, now) = (&course.policy.birth_limit, house.clock.now());
    let is_new = !claim.backfill && claim.attempts == 0 && lead.created_at > now - delta(limit.within);
    if is_new && !house.ledger.may_bear(claim.mirror, limit, now).await? {
        return Err(Fate::Halted);
    }
    Ok(())
}

/// Fields of a new ticket of the source that the source has: a mirror file says where the source's fields go, and a target may have more
/// of the same names.
pub(super) async fn only_what_is_there(course: &Course, lead: Side, plan: &mut Plan) -> Result<()> {
    for step in plan.steps.iter_mut().filter(|_| lead == Side::Target) {
        if let Step::Create { fields, .. } = step {
            let schema = course.words.of(course, Side::Source).await?;
            fields.retain(|write| schema.fields.contains_key(&write.key));
        }
    }
    Ok(())
}
