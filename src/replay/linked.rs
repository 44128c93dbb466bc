//! Which message became which, as it is known while a lane is worked on.

use std::collections::BTreeSet;

use crate::desk::Side;
use crate::desk::id::MessageId;
use crate::desk::ticket::Ticket;
use crate::ledger::settle::StepSettled;
use crate::merge::base::MessageLink;

use super::fate::Result;
use super::lane::Work;

/// The messages that both tickets show.
pub(super) fn shown<'a>(lead: Side, leading: &'a Ticket, following: Option<&'a Ticket>) -> Vec<(Side, &'a MessageId)> {
    let sides = [(lead, Some(leading)), (lead.other(), following)];
    let ids = |(side, ticket): (Side, Option<&'a Ticket>)| {
        ticket.into_iter().flat_map(|ticket| &ticket.messages).map(move |message| (side, &message.id))
    };
    sides.into_iter().flat_map(ids).collect()
}

impl Work<'_> {
    pub(super) async fn reload_links(&mut self) -> Result<()> {
        let claim = self.round.watch.claim();
        let shown = shown(self.round.lead_side, &self.round.lead, self.round.follow.as_ref());
        self.links = self.round.house.ledger.message_links(claim.mirror, claim.pair, &shown).await?;
        self.fill_copies().await
    }

    /// Finds the ids of copies that a desk did not tell when they were written, at either desk.
    pub(super) async fn fill_copies(&mut self) -> Result<()> {
        for side in [Side::Source, Side::Target] {
            let mut unknown = self.untold(side);
            unknown.retain(|link| link.copy.is_some());
            if unknown.is_empty() {
                continue;
            }
            let settled = StepSettled { links: &unknown, ..StepSettled::default() };
            self.round.house.ledger.settle_step(self.round.watch.claim(), settled, self.round.house.clock.now()).await?;
            for link in unknown {
                if let Some(known) = self.links.iter_mut().find(|known| (known.born, &known.original) == (side, &link.original)) {
                    known.copy = link.copy;
                }
            }
        }
        Ok(())
    }

    /// The links of a side's messages whose copies were not told, with the copies that the other desk shows: by key, or by place for those
    /// that travelled with the creation, which only the desk at which the ticket was made brings about.
    fn untold(&self, side: Side) -> Vec<MessageLink> {
        let at = |of: Side| if of == self.round.lead_side { Some(&self.round.lead) } else { self.round.follow.as_ref() };
        let (Some(here), Some(there)) = (at(side), at(side.other())) else { return Vec::new() };
        let untold = |link: &&MessageLink| link.born == side && link.copy.is_none();
        let mut unknown: Vec<MessageLink> = self.links.iter().filter(untold).cloned().collect();
        unknown.sort_by_key(|link| here.messages.iter().position(|message| message.id == link.original));
        let taken: Vec<&MessageId> = self.links.iter().filter_map(|link| link.at(side.other())).collect();
        let by_place = side == self.pair.born;
        let mut free = there.messages.iter().filter(|message| by_place && message.key.is_none() && !taken.contains(&&message.id));
        for link in &mut unknown {
            let key = self.round.course.keys.message(side, link.original.as_str());
            let keyed = there.messages.iter().find(|message| message.key.as_deref() == Some(&key));
            link.copy = keyed.or_else(|| free.next()).map(|message| message.id.clone());
        }
        unknown
    }

    /// Whether people of the following desk set or wrote something that stays there as long as the other desk leads.
    pub(super) fn follow_has_own(&self) -> bool {
        let Some(follow) = self.round.follow.as_ref().filter(|_| !self.round.survivor) else { return false };
        let side = self.round.lead_side.other();
        let known: BTreeSet<&MessageId> = self.links.iter().filter_map(|link| link.at(side)).collect();
        let wrote = follow.messages.iter().any(|message| message.key.is_none() && !known.contains(&message.id));
        wrote
            || self.round.base.fields.iter().any(|(source, agreed)| {
                self.round
                    .course
                    .mapping
                    .field_at(side, source)
                    .and_then(|key| follow.fields.get(key))
                    .is_some_and(|held| held != agreed.of(side))
            })
    }

    /// Which messages of the leading ticket are ours is not known before each copy there is.
    pub(super) fn is_unsure(&self) -> bool {
        self.links.iter().any(|link| link.born != self.round.lead_side && link.copy.is_none())
    }
}
