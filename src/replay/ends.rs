//! The other ends of a ticket's links: what stands for them at the following desk.

use crate::connectors::contract::Read;
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::desk::ticket::{Link, LinkKind, Ticket};
use crate::merge::base::Base;
use crate::merge::links::Ends;
use crate::merge::plan::lead_end;

use super::course::Course;
use super::fate::Result;
use super::house::House;

/// Looks the other ends up in the ledger. Where the following desk links tickets of certain types only, the parents of links that are
/// not made yet are read: one read each.
pub async fn of(house: &House, course: &Course, (side, lead): (Side, &Ticket), base: &Base) -> Result<Ends> {
    let ids: Vec<&TicketId> = lead.links.iter().map(|link| &link.to).collect();
    if ids.is_empty() {
        return Ok(Ends::default());
    }
    let tickets = house.ledger.others_of(course.id, side, &ids).await?;
    let lost = house.ledger.lost(course.id, side, &ids).await?;
    let mut ends = Ends { tickets, lost, ..Ends::default() };
    let desk = course.desk(side.other());
    if desk.capabilities().parent_type.is_none() {
        return Ok(ends);
    }
    let made = |link: &Link| base.links.iter().any(|base| lead_end(side, base) == link);
    for link in lead.links.iter().filter(|link| link.kind == LinkKind::Parent && !made(link)) {
        let Some(there) = ends.tickets.get(&link.to).cloned() else { continue };
        // What cannot be read now is left to the desk's own answer.
        if let Read::Found(parent) = desk.read(&there, None).await? {
            ends.parents.insert(there, *parent);
        }
    }
    Ok(ends)
}
