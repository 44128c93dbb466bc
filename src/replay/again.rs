//! After the ledger went back in time: what a forgotten write may have made is looked up before it is made.

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::delta;
use crate::desk::id::TicketId;
use crate::desk::ticket::{Message, Ticket};
use crate::ledger::settle::StepSettled;
use crate::merge::base::MessageLink;
use crate::merge::thread::{Draft, link_of};

use super::fate::{Fate, Result};
use super::perform::Round;
use super::recover::{doubled, first_made};

/// So far the clocks of a desk and of the gateway may be apart.
const CLOCKS: TimeDelta = TimeDelta::minutes(10);
const FOUND: (&str, i64) = ("found again after a restore", 1);

impl Round<'_> {
    /// Whether a forgotten write may have carried something that is so old. Errors: `NotYet` until a look-up is sure to find it.
    fn may_be_there(&self, created_at: DateTime<Utc>) -> Result<bool> {
        let Some(recovered_at) = self.course.recovered_at.filter(|at| created_at <= *at + CLOCKS) else { return Ok(false) };
        let lag = self.course.desk(self.lead_side.other()).capabilities().lookup_lag_seconds;
        let wait = recovered_at + delta(std::time::Duration::from_secs(u64::from(lag))) - self.house.clock.now();
        match wait.to_std() {
            Ok(after) if !after.is_zero() => {
                Err(Fate::NotYet { after, why: "the ledger went back in time: what it forgot is looked up first".into() })
            }
            _ => Ok(true),
        }
    }

    /// Finds the ticket that is about to be made, and takes it as made. Errors: `Park` where there is more than one.
    pub(super) async fn ticket_found_again(&mut self, drafts: &[Draft]) -> Result<bool> {
        if !self.may_be_there(self.lead.created_at)? {
            return Ok(false);
        }
        let found = self.course.desk(self.lead_side.other()).find_ticket(&self.ticket_key).await?;
        let found = self.house.ledger.not_buried(self.course.id, &found).await?;
        let only = match found.as_slice() {
            [] => return Ok(false),
            [only] => only.clone(),
            many => return doubled(&many.iter().map(TicketId::as_str).collect::<Vec<_>>(), "tickets"),
        };
        self.adopt_new(Some(only.clone())).await?;
        let links = self.follow.as_ref().map(|follow| travelled(drafts, follow)).unwrap_or_default();
        let made = Some((self.lead_side.other(), &only));
        let settled = StepSettled { made, links: &links, figures: &[FOUND], ..StepSettled::default() };
        self.house.ledger.settle_step(self.watch.claim(), settled, self.house.clock.now()).await?;
        Ok(true)
    }

    /// Finds the message that is about to be written, and takes it as written.
    pub(super) async fn message_found_again(&mut self, ticket: &TicketId, draft: &Draft) -> Result<bool> {
        if !self.may_be_there(draft.created_at)? {
            return Ok(false);
        }
        let found = self.course.desk(self.lead_side.other()).find_message(ticket, &draft.key).await?;
        let Some(first) = first_made(&found) else { return Ok(false) };
        let links = [link_of(draft, Some(first.clone()))];
        let settled = StepSettled { links: &links, figures: &[FOUND], ..StepSettled::default() };
        self.house.ledger.settle_step(self.watch.claim(), settled, self.house.clock.now()).await?;
        Ok(true)
    }
}

/// The messages that travelled with the creation at a desk that keeps no keys on those, but their times: one to one, in order.
/// The others have keys, and are known by them.
fn travelled(drafts: &[Draft], there: &Ticket) -> Vec<MessageLink> {
    let mut free: Vec<&Message> = there.messages.iter().filter(|message| message.key.is_none()).collect();
    let mut links = Vec::new();
    for draft in drafts {
        let same = |message: &&Message| {
            message.created_at.timestamp() == draft.created_at.timestamp() && message.visibility == draft.visibility
        };
        if let Some(place) = free.iter().position(same) {
            links.push(link_of(draft, Some(free[place].id.clone())));
            free.drain(..=place);
        }
    }
    links
}
