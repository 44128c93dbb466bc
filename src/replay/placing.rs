//! Which window a ticket is in, once both desks say the same about it.

use crate::desk::Side;
use crate::desk::field::Fields;
use crate::desk::ticket::{Presence, Ticket};
use crate::desk::window::{Facts, window_of};
use crate::ledger::lane::Claim;
use crate::ledger::pair::Pair;

use super::course::Course;
use super::fate::Result;
use super::house::House;
use super::lane::Work;

/// Whether a ticket that is read for the first time belongs to another window than the one whose run is under way: then it was given back.
pub(super) async fn given_back(house: &House, course: &Course, claim: &Claim, pair: &Pair, lead: &Ticket) -> Result<bool> {
    if course.windows.is_empty() || pair.base.is_some() || pair.target_ticket.is_some() || pair.lead() == Side::Target {
        return Ok(false);
    }
    let Some(wanted) = house.ledger.run_window(course.id).await? else { return Ok(false) };
    let facts = Facts { fields: lead.fields.clone(), created_at: lead.created_at };
    let Some(other) = window_of(&course.windows, &facts).filter(|other| *other != wanted) else { return Ok(false) };
    house.ledger.leave_to_window(claim, other, house.clock.now()).await?;
    Ok(true)
}

impl Work<'_> {
    /// The window that has the ticket; `None` where the mirror has none, or it cannot be told. The following desk has no say in it: what it
    /// alone changed is agreed on first.
    pub(super) fn window(&self) -> Option<&str> {
        let round = &self.round;
        let source = match round.lead_side {
            Side::Source => Some(&round.lead),
            Side::Target => round.follow.as_ref().filter(|_| !round.survivor),
        };
        let source = source.filter(|_| round.lead.presence == Presence::Present)?;
        let agreed: Fields = round.base.fields.iter().map(|(key, field)| (key.clone(), field.source.clone())).collect();
        let mut fields = source.fields.clone();
        match round.lead_side {
            Side::Source => agreed.into_iter().for_each(|(key, value)| _ = fields.entry(key).or_insert(value)),
            Side::Target => fields.extend(agreed),
        }
        window_of(&round.course.windows, &Facts { fields, created_at: source.created_at })
    }
}
