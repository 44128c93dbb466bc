//! Tickets that one desk alone has: which of them are made at the other one, whichever it is.

use chrono::TimeDelta;

use crate::desk::Side;
use crate::desk::ticket::{Presence, Ticket};
use crate::ledger::lane::Claim;
use crate::ledger::pair::Pair;

use super::course::Course;
use super::fate::Result;
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
