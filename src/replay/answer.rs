//! The conversation the other way: what people write at the following desk goes to the leading one. It is the same plan and the same steps
//! with the roles of the two tickets changed; fields stay where they are led.

use std::collections::BTreeSet;

use crate::connectors::contract::Read;
use crate::desk::id::MessageId;
use crate::desk::ticket::{Presence, Ticket, newer};
use crate::ledger::parked::Park;
use crate::ledger::settle::StepSettled;
use crate::merge::answer::answers;
use crate::merge::links::Ends;

use super::fate::Result;
use super::lane::Work;
use super::people;

/// So many of the latest acts of the following ticket are remembered: hints about them may still come.
const SEEN_ACTS: usize = 100;

impl Work<'_> {
    /// Carries what was written at the following desk, and what was taken from people's eyes there. Returns whether anything was done, so
    /// that both tickets have to be looked at again.
    pub(super) async fn answer(&mut self) -> Result<bool> {
        let Some(follow) = &self.round.follow else { return Ok(false) };
        let stamp = follow.stamp.clone();
        let lead = self.round.lead_side;
        if self.has_no_business() {
            return Ok(false);
        }
        // Which messages are ours is not known before each copy is.
        let untold = self.links.iter().any(|link| link.born == lead && link.copy.is_none());
        if untold || self.is_another_pairs().await? {
            return Ok(false);
        }
        self.answered = Some(stamp);
        let half_done = self.round.base.hushed.contains(&lead);
        let merged = match half_done || self.has_answers() {
            true => self.go_to_root().await?,
            false => None,
        };
        let survivor = self.round.turn(false);
        let done = self.answer_once().await;
        self.round.turn(survivor);
        if let Some(merged) = merged {
            self.round.lead = merged;
        }
        done
    }

    /// Nothing goes this way, nothing ever went, and nothing was left half-done.
    fn has_no_business(&self) -> bool {
        let (lead, follow) = (self.round.lead_side, self.round.lead_side.other());
        let base = &self.round.base;
        !self.round.course.policy.carries_back(follow)
            && self.links.iter().all(|link| link.born == lead)
            && !base.owed.contains_key(&lead)
            && !base.hushed.contains(&lead)
    }

    /// The following ticket was merged into one that stands for another leading ticket: that pair answers.
    async fn is_another_pairs(&self) -> Result<bool> {
        let Some(follow) = self.round.follow.as_ref().filter(|_| self.round.survivor) else { return Ok(false) };
        let pairs = self.round.house.ledger.pairs_of_number(self.round.course.id, follow.id.as_str()).await?;
        let side = self.round.lead_side.other();
        Ok(pairs.iter().any(|pair| pair.id != self.pair.id && pair.ticket(side) == Some(&follow.id)))
    }

    /// Whether the following ticket shows messages that nobody knows yet.
    fn has_answers(&self) -> bool {
        let side = self.round.lead_side.other();
        let known: BTreeSet<&MessageId> = self.links.iter().filter_map(|link| link.at(side)).collect();
        let mut messages = self.round.follow.iter().flat_map(|follow| &follow.messages);
        messages.any(|message| message.key.is_none() && !known.contains(&message.id))
    }

    /// A ticket that was merged takes no messages any more: the one that it was merged into does. Returns the merged one.
    async fn go_to_root(&mut self) -> Result<Option<Ticket>> {
        let Presence::MergedInto(root) = self.round.lead.presence.clone() else { return Ok(None) };
        match self.round.course.desk(self.round.lead_side).read(&root, None).await? {
            Read::Found(root) => Ok(Some(std::mem::replace(&mut self.round.lead, *root))),
            Read::Torn(_) | Read::Missing => Ok(None),
        }
    }

    /// With the roles changed: plans and performs once.
    async fn answer_once(&mut self) -> Result<bool> {
        let (house, course, side) = (self.round.house, self.round.course, self.round.lead_side);
        let authors = match course.policy.carries_back(side) {
            true => {
                people::introduce(course, side, &mut self.round.lead, &self.links).await?;
                people::authors(house, course, side, &self.round.lead, &self.links).await?
            }
            false => people::People::new(),
        };
        let plan = answers(&self.scene(&authors, &Ends::default()));
        self.answers_pending = plan.pending;
        self.adopt(&plan.adopted).await?;
        self.tell_stays(&plan.stays).await?;
        if !plan.steps.is_empty() {
            self.hush().await?;
        }
        self.owe_status(&plan).await?;
        for step in &plan.steps {
            self.round.step(step).await?;
            self.end_silence().await?;
        }
        self.speak().await?;
        if self.round.wrote {
            self.read_answered().await?;
        }
        if !plan.steps.is_empty() || !plan.adopted.is_empty() {
            self.reload_links().await?;
        }
        Ok(!plan.steps.is_empty())
    }

    /// Notes that the desk is kept silent about the ticket from now on, so that an interruption does not leave it so.
    async fn hush(&mut self) -> Result<()> {
        if !self.round.base.hushed.insert(self.round.lead_side.other()) {
            return Ok(());
        }
        let settled = StepSettled { base: Some(&self.round.base), ..StepSettled::default() };
        self.round.house.ledger.settle_step(self.round.watch.claim(), settled, self.round.house.clock.now()).await?;
        Ok(())
    }

    /// What the desk's people write right after a message of ours reaches the customer.
    async fn end_silence(&self) -> Result<()> {
        if let Some(ticket) = &self.round.follow {
            self.round.course.desk(self.round.lead_side.other()).end_silence(&ticket.id).await?;
        }
        Ok(())
    }

    /// Ends what was noted, be it by an earlier claim.
    async fn speak(&mut self) -> Result<()> {
        let side = self.round.lead_side.other();
        if self.round.base.hushed.contains(&side) {
            self.end_silence().await?;
            self.round.base.hushed.remove(&side);
        }
        Ok(())
    }

    /// Reads the ticket that was answered, so that what our messages did to it is not taken for somebody's work.
    async fn read_answered(&mut self) -> Result<()> {
        let known = self.round.follow.as_ref().map(|ticket| (ticket.id.clone(), ticket.stamp.clone()));
        let Some((id, stamp)) = known else { return Ok(()) };
        if let Some(now) = self.round.read_again(&id, &stamp).await? {
            let mut now = *now;
            // It goes on as the leading ticket: who wrote in it is told by name.
            people::introduce(self.round.course, self.round.lead_side.other(), &mut now, &self.links).await?;
            self.round.follow = Some(now);
        }
        self.round.wrote = false;
        self.round.house.steps.reached("read back").await;
        Ok(())
    }

    /// Tells once that messages stay where they were written.
    async fn tell_stays(&mut self, stays: &[MessageId]) -> Result<()> {
        let Some(closed) = self.round.follow.as_ref().filter(|_| !stays.is_empty()) else { return Ok(()) };
        let (here, there) = (self.round.lead_side.as_str(), self.round.lead_side.other().as_str());
        let park = Park {
            kind: "stays",
            reason: &format!(
                "{} new message(s) of {here} ticket {} stay there only: {there} ticket {} is closed for good",
                stays.len(),
                self.round.lead.id,
                closed.id
            ),
            advice: "Go on with the customer in one desk only; nothing is lost. Discard this when it is known.",
            blocking: false,
            urgent: false,
        };
        let (ledger, claim, now) = (&self.round.house.ledger, self.round.watch.claim(), self.round.house.clock.now());
        ledger.park(claim, &park, now).await?;
        self.round.base.stays.extend(stays.iter().cloned());
        let figures = [("messages that stay", i64::try_from(stays.len()).unwrap_or(i64::MAX))];
        let settled = StepSettled { base: Some(&self.round.base), figures: &figures, ..StepSettled::default() };
        ledger.settle_step(claim, settled, now).await?;
        Ok(())
    }

    /// Whether every message that the last read of the following ticket showed was looked at.
    pub(super) fn is_answered(&self) -> bool {
        let stamp = self.round.follow.as_ref().map(|follow| &follow.stamp);
        stamp == self.answered.as_ref() || !self.round.course.policy.carries_back(self.round.lead_side.other())
    }

    /// Acts of the following ticket about which hints bring nothing new: those after the look at its messages may.
    pub(super) fn seen_acts(&self) -> Vec<&str> {
        let acts = self.round.follow.as_ref().map_or(&[][..], |follow| &follow.acts);
        let looked_at = |id: &str| self.is_answered() || self.answered.as_deref().is_some_and(|stamp| !newer(id, stamp));
        acts.iter().rev().map(|act| act.id.as_str()).filter(|id| looked_at(id)).take(SEEN_ACTS).collect()
    }
}
