//! Old tickets that say where they go on: one internal note in each open ticket of the old desk, once, for those who still look there.
//!
//! Nobody is mailed, and it is no message of anybody's: the note has our key, under which it is looked for before it is written. Each ticket
//! is claimed like any lane, and the note is an intent before it is sent, so that an order that was stopped goes on with what is missing.

use std::sync::atomic::Ordering;

use serde_json::json;
use uuid::Uuid;

use crate::clock::Monotonic;
use crate::connectors::http::{Priority, at_priority, within_lease};
use crate::desk::Side;
use crate::desk::body::Body;
use crate::desk::id::TicketId;
use crate::desk::ticket::Visibility;
use crate::desk::write::{NewMessage, Outcome, Write};
use crate::ledger::Error;
use crate::ledger::intent::NewIntent;
use crate::ledger::lane::{Claim, Claimant};
use crate::ledger::settle::StepSettled;
use crate::mirror::PairId;

use super::course::Course;
use super::fate::{Fate, Result};
use super::house::House;
use super::recover;
use super::watch::{Tenure, Watch};

/// What became of one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    Written,
    /// It says so already.
    Before,
    /// Not at this moment: why. It may be tried again soon.
    Later(String),
    /// The old desk did not take it, or the ticket is not one of those any more: why.
    Left(String),
}

/// Has the old tickets of one mirror name the new ones.
pub struct Naming<'a> {
    pub house: &'a House,
    pub course: &'a Course,
    pub worker: Uuid,
}

impl Naming<'_> {
    /// Whether the order is to end after this ticket.
    pub fn stopped(&self) -> bool {
        self.house.stopping.load(Ordering::Relaxed)
    }

    /// Names the new ticket in the old one of this pair. Errors: the ledger is away.
    pub async fn pair(&self, id: PairId) -> Result<Named> {
        let (house, settings) = (self.house, &self.house.settings);
        let claimant = Claimant { worker: self.worker, lease: settings.lease, grace: settings.grace, only: Some(self.course.id) };
        let claimed = Monotonic::now();
        let number = house.ledger.pair(id).await?.number().to_string();
        let Some(claim) = house.ledger.claim_pair(id, claimant, house.clock.now()).await? else {
            return Ok(Named::Later(format!("old ticket {number} is being worked on")));
        };
        let named = at_priority(Priority::Backfill, self.name(&claim, &Tenure::since(claimed))).await;
        house.ledger.let_go(&claim).await?;
        match named {
            Err(fate @ (Fate::NotYet { .. } | Fate::Ledger(Error::Fenced))) => {
                Ok(Named::Later(format!("old ticket {number}: {fate}")))
            }
            Err(fate) if !matches!(fate, Fate::Ledger(_)) => Ok(Named::Left(format!("old ticket {number}: {fate}"))),
            named => named,
        }
    }

    async fn name(&self, claim: &Claim, tenure: &Tenure) -> Result<Named> {
        let (house, course) = (self.house, self.course);
        let pair = house.ledger.pair(claim.pair).await?;
        recover::close_open(house, course, claim, &pair).await?;
        let (Some(old), Some(new), Side::Target) = (&pair.source_ticket, &pair.target_ticket, pair.authority) else {
            return Ok(Named::Left(format!("old ticket {}: the new desk does not lead it any more", pair.number())));
        };
        let note = self.note(old, new);
        if !course.source.find_message(old, &note.key).await?.is_empty() {
            return Ok(Named::Before);
        }
        let mut watch = Watch::new(house, claim, tenure);
        watch.renew().await?;
        // No link of the ticket is told of by it, as notes of another kind do.
        let detail = json!({ "form": 1, "at": Side::Source, "new": new, "unheld": [] });
        let intent = NewIntent { kind: "name", key: &note.key, detail };
        let intent = house.ledger.send_intent(claim, intent, house.clock.now()).await?;
        house.steps.reached("intent sent").await;
        watch.still_ours()?;
        let write = Write::AddMessage { ticket: old.clone(), message: note };
        let sent = within_lease(watch.lease(), course.source.apply(&write)).await;
        if matches!(&sent, Ok(Outcome::Moved)) || matches!(&sent, Err(fault) if !fault.leaves_doubt()) {
            house.ledger.void_intent(intent, house.clock.now()).await?;
        }
        if sent? == Outcome::Moved {
            return Ok(Named::Later(format!("somebody changed old ticket {old} at the same moment")));
        }
        house.steps.reached("write done").await;
        let figures = [("old tickets that name the new one", 1), ("writes", 1)];
        let settled = StepSettled { intent: Some(intent), figures: &figures, ..StepSettled::default() };
        house.ledger.settle_step(claim, settled, house.clock.now()).await?;
        Ok(Named::Written)
    }

    /// Where people find the new ticket: by the gateway, which knows follow-ups and merges, or else its page.
    fn note(&self, old: &TicketId, new: &TicketId) -> NewMessage {
        let pages = &self.course.pages;
        let page = self.course.target.capabilities().page_of(&pages.new, new);
        let link = pages.numbers.as_ref().map_or(page, |numbers| format!("{numbers}/{old}"));
        NewMessage {
            key: self.course.keys.message(Side::Target, &format!("link:{new}:goes_on")),
            author: None,
            visibility: Visibility::Internal,
            created_at: self.house.clock.now(),
            body: Body::Text(format!("[Tidegate] This ticket goes on in the new desk as #{new}: {link}")),
            attachments: Vec::new(),
        }
    }
}
