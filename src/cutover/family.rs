//! Whose messages have a place in a ticket: its own, those of pairs that were merged with its own, and those of tickets that people merged
//! into it.

use std::collections::BTreeSet;

use crate::desk::Side;
use crate::desk::id::{MessageId, TicketId};
use crate::desk::ticket::Message;
use crate::ledger::check::MessageRecord;
use crate::mirror::PairId;

use super::parity::Trouble;
use super::witness::Witness;

/// Takes into the family whatever people merged into one of `tickets`, as far as the messages that a desk holds are copies of its. Asks the
/// desk only where there are copies that came with a pair outside of the family.
pub async fn join(
    witness: &Witness<'_>,
    (side, held): (Side, &[Message]),
    tickets: &BTreeSet<TicketId>,
    links: &mut [MessageRecord],
) -> Result<(), Trouble> {
    let held: BTreeSet<&MessageId> = held.iter().map(|message| &message.id).collect();
    let is_strange =
        |link: &&MessageRecord| !link.kin && link.born != side && link.copy.as_ref().is_some_and(|copy| held.contains(copy));
    let strange: BTreeSet<PairId> = links.iter().filter(is_strange).map(|link| link.pair).collect();
    for id in strange {
        let pair = witness.bench.ledger.pair(id).await?;
        if let Some(ticket) = pair.ticket(side)
            && witness.leads_to(side, ticket, tickets).await?
        {
            links.iter_mut().filter(|link| link.pair == id).for_each(|link| link.kin = true);
        }
    }
    Ok(())
}
