//! Which message became which, as it is known while a lane is worked on.

use crate::desk::id::MessageId;
use crate::ledger::settle::StepSettled;
use crate::merge::base::MessageLink;

use super::fate::Result;
use super::lane::Work;

impl Work<'_> {
    pub(super) async fn reload_links(&mut self) -> Result<()> {
        let claim = self.round.watch.claim();
        let ids: Vec<&MessageId> = self.round.lead.messages.iter().map(|message| &message.id).collect();
        self.links = self.round.house.ledger.message_links(claim.mirror, claim.pair, &ids).await?;
        self.fill_targets().await
    }

    /// Finds the target's ids of messages that it did not tell when they were written: by key, or by place for those that travelled
    /// with the creation.
    pub(super) async fn fill_targets(&mut self) -> Result<()> {
        let Some(follow) = &self.round.follow else { return Ok(()) };
        let order: Vec<&MessageId> = self.round.lead.messages.iter().map(|message| &message.id).collect();
        let mut unknown: Vec<MessageLink> = self.links.iter().filter(|link| link.target.is_none()).cloned().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        unknown.sort_by_key(|link| order.iter().position(|id| **id == link.source));
        let taken: Vec<&MessageId> = self.links.iter().filter_map(|link| link.target.as_ref()).collect();
        let mut free = follow.messages.iter().filter(|message| message.key.is_none() && !taken.contains(&&message.id));
        for link in &mut unknown {
            let key = self.round.course.keys.message(link.source.as_str());
            let keyed = follow.messages.iter().find(|message| message.key.as_deref() == Some(&key));
            link.target = keyed.or_else(|| free.next()).map(|message| message.id.clone());
        }
        unknown.retain(|link| link.target.is_some());
        let settled = StepSettled { links: &unknown, ..StepSettled::default() };
        self.round.house.ledger.settle_step(self.round.watch.claim(), settled, self.round.house.clock.now()).await?;
        for link in unknown {
            if let Some(known) = self.links.iter_mut().find(|known| known.source == link.source) {
                known.target = link.target;
            }
        }
        Ok(())
    }
}
