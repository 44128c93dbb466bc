//! What becomes of tickets that were deleted, merged, closed for good, or left the scope, and the tags of ours that say so.

use crate::clock::delta;
use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::TicketId;
use crate::desk::policy::{Closed, Deletion};
use crate::desk::scope::Leaving;
use crate::desk::ticket::{Message, Presence};
use crate::desk::write::Write;
use crate::ledger::settle::StepSettled;
use crate::merge::base::{Base, FieldWrite};
use crate::merge::plan::Plan;
use crate::merge::reason::Reason;

use super::fate::{Fate, Parking, Result};
use super::lane::Work;
use super::perform::Round;

impl Work<'_> {
    pub(super) async fn deletion(&mut self) -> Result<()> {
        let deleted = self.round.follow.as_ref().is_none_or(|follow| follow.presence == Presence::Deleted);
        if deleted || self.pair.state == "deleted" {
            return Ok(());
        }
        let deletion = match (self.round.course.policy.deletion, self.round.lead_side) {
            // A deletion never travels back.
            (Deletion::Delete, Side::Target) => Deletion::Mark,
            (deletion, _) => deletion,
        };
        match deletion {
            Deletion::Leave => Ok(()),
            Deletion::Mark => {
                self.may_destroy("mark").await?;
                let tag = self.round.course.policy.tags.deleted.clone();
                self.toggle_tag(&tag, true).await
            }
            Deletion::Delete => {
                self.may_destroy("delete").await?;
                let Some(follow) = &self.round.follow else { return Ok(()) };
                let write = Write::Delete { ticket: follow.id.clone() };
                self.destroy("delete", &write).await
            }
        }
    }

    pub(super) async fn undeletion(&mut self) -> Result<()> {
        let marks = match self.round.course.policy.deletion {
            Deletion::Mark => true,
            Deletion::Delete => self.round.lead_side == Side::Target,
            Deletion::Leave => false,
        };
        if self.pair.state != "deleted" || !marks {
            return Ok(());
        }
        let tag = self.round.course.policy.tags.deleted.clone();
        self.toggle_tag(&tag, false).await
    }

    /// Merges the following ticket as the leading one was. `false`: the other ticket is not copied yet, and is waited for.
    pub(super) async fn merge(&mut self, root: &TicketId) -> Result<bool> {
        let claim = self.round.watch.claim();
        let Some((root_pair, into)) = self.round.house.ledger.root_of(claim.mirror, self.round.lead_side, root).await? else {
            self.last_plan.waits_for.push(root.clone());
            return Ok(false);
        };
        let done = self.round.follow.as_ref().is_none_or(|follow| follow.id == into || follow.presence != Presence::Present);
        if !done {
            self.may_destroy("merge").await?;
            let ticket = self.round.ticket_id();
            self.destroy("merge", &Write::Merge { ticket, into }).await?;
        }
        self.round.house.ledger.settle_merge(claim, root_pair, self.round.house.clock.now()).await?;
        Ok(true)
    }

    /// A closed ticket that something has to be written to.
    pub(super) fn immutable_in_the_way(&self, plan: &Plan) -> Result<bool> {
        let immutable = self.round.follow.as_ref().is_some_and(|follow| follow.immutable);
        if !immutable || plan.steps.is_empty() {
            return Ok(false);
        }
        match self.round.course.policy.closed {
            // What is closed for good in the old desk is over there; the new desk has all of it.
            _ if self.round.lead_side == Side::Target => Ok(true),
            Closed::FollowUp => Ok(true),
            Closed::Park => Err(Fate::Park(Parking {
                kind: "closed",
                reason: format!("source ticket {} changed, and its target ticket is closed for good", self.round.lead.id),
                advice: "Set `closed = \"follow-up\"` in the mirror file and release it, or discard it.".into(),
            })),
        }
    }

    /// A new ticket of the target continues the closed one.
    pub(super) async fn follow_up(&mut self) -> Result<bool> {
        let side = self.round.lead_side;
        if side == Side::Target {
            return Ok(false);
        }
        let known = |message: &Message| self.links.iter().any(|link| link.at(side) == Some(&message.id));
        if self.round.lead.messages.iter().all(known) {
            // Fields of a closed ticket cannot be changed, and a follow-up without a message would be an empty shell.
            return Ok(false);
        }
        self.round.house.ledger.retire_target(self.round.watch.claim()).await?;
        self.pair.part += 1;
        self.round.ticket_key = self.round.course.keys.ticket(self.round.lead.id.as_str(), self.pair.part);
        self.round.continues = self.round.follow.take().map(|closed| closed.id);
        self.round.base = Base::default();
        Ok(true)
    }

    async fn may_destroy(&mut self, kind: &str) -> Result<()> {
        let house = self.round.house;
        let limit = self.round.course.policy.destructive_limit;
        let now = house.clock.now();
        let since = now - delta(limit.within);
        let allowed = house.ledger.may_destroy(self.round.watch.claim(), kind, limit.count, since, now).await?;
        if allowed { Ok(()) } else { Err(Fate::Halted) }
    }

    async fn destroy(&mut self, kind: &'static str, write: &Write) -> Result<()> {
        let key = self.round.ticket_key.clone();
        let (intent, _) = self.round.send(kind, &key, serde_json::json!({ "form": 1 }), write).await?;
        let settled = StepSettled { intent: Some(intent), figures: &[("writes", 1)], ..StepSettled::default() };
        self.round.house.ledger.settle_step(self.round.watch.claim(), settled, self.round.house.clock.now()).await?;
        Ok(())
    }

    pub(super) async fn left_state(&mut self) -> Result<&'static str> {
        let course = self.round.course;
        let (side, lead, follow) = (self.round.lead_side, &self.round.lead, self.round.follow.as_ref());
        let outside = course.includes(side, lead, follow).err().filter(|_| lead.presence == Presence::Present);
        let left = outside.is_some();
        self.round.base.outside = outside;
        if left && course.scope.leaving == Leaving::Mark && self.pair.state != "left" {
            let tag = course.policy.tags.out_of_scope.clone();
            self.toggle_tag(&tag, true).await?;
        }
        Ok(if left && course.scope.leaving == Leaving::Mark { "left" } else { "copied" })
    }

    pub(super) async fn mark_incomplete(&mut self) -> Result<()> {
        let (was, is) = (self.pair.incomplete_why.is_some(), self.incomplete_why().is_some());
        let alive = self.round.follow.as_ref().is_some_and(|follow| follow.presence == Presence::Present && !follow.immutable);
        if was == is || !alive {
            return Ok(());
        }
        let tag = self.round.course.policy.tags.incomplete.clone();
        self.toggle_tag(&tag, is).await
    }

    /// Sets or takes away a tag of ours at the following desk.
    async fn toggle_tag(&mut self, tag: &str, on: bool) -> Result<()> {
        let Some(follow) = &self.round.follow else { return Ok(()) };
        let Some(held) = follow.fields.get(&FieldKey::Tags) else { return Ok(()) };
        let mut words: std::collections::BTreeSet<String> = held.words().into_iter().map(str::to_string).collect();
        let changed = if on { words.insert(tag.to_string()) } else { words.remove(tag) };
        if !changed || follow.immutable {
            return Ok(());
        }
        let kept = self.round.base.fields.get(&FieldKey::Tags).cloned();
        let lead = kept.as_ref().map_or(Value::Empty, |base| base.of(self.round.lead_side).clone());
        let write = FieldWrite {
            source: FieldKey::Tags,
            key: FieldKey::Tags,
            lead,
            before: held.clone(),
            intended: Value::set(words),
            why: Reason::OurTag,
            at: kept.as_ref().and_then(|base| base.at),
            apart: kept.as_ref().and_then(|base| base.apart),
        };
        self.round.write_decided(&[write]).await?;
        if kept.is_none() {
            // Nothing was agreed on about the source's tags: only our own tag was written.
            self.round.base.fields.remove(&FieldKey::Tags);
        }
        self.read_back().await
    }
}

impl Round<'_> {
    fn ticket_id(&self) -> TicketId {
        self.follow.as_ref().map_or_else(|| self.lead.id.clone(), |follow| follow.id.clone())
    }
}
