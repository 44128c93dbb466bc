//! Canaries: tickets that a credential saw before. One ticket that is not shown any more may be gone; when all canaries are
//! not shown either, it is the credential that has lost its rights, and no ticket is parked for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::connectors::contract::Read;
use crate::connectors::fault::Fault;
use crate::connectors::http::{Priority, at_priority};
use crate::desk::Side;
use crate::ledger::Ledger;
use crate::mirror::PairId;
use crate::task::Next;

use super::course::Course;
use super::fate::Result;

/// How often a desk is looked at that is seen.
const CALM: Duration = Duration::from_secs(300);
/// And one that is not.
const ALARMED: Duration = Duration::from_secs(15);

/// Looks whether the credential of a desk has lost sight of its tickets, `missing` among them. `Some`: it has, in a sentence.
/// One ticket alone proves nothing. Errors: the desk cannot be asked now.
pub async fn blind(ledger: &Ledger, course: &Course, side: Side, missing: Option<PairId>) -> Result<Option<String>> {
    let canaries = ledger.canaries(course.id, side, missing).await?;
    for ticket in &canaries {
        match course.desk(side).read(ticket, None).await {
            Ok(Read::Missing) | Err(Fault::Unauthorised { .. }) => {}
            Ok(Read::Found(_) | Read::Torn(_)) => return Ok(None),
            Err(fault) => return Err(fault.into()),
        }
    }
    if canaries.len() + usize::from(missing.is_some()) < 2 {
        return Ok(None);
    }
    let tickets: Vec<&str> = canaries.iter().map(|ticket| ticket.as_str()).collect();
    Ok(Some(format!(
        "the credential of the {} desk has lost its rights: it does not see ticket {} any more, which it saw before. Give the rights \
         back; the mirror goes on by itself",
        side.as_str(),
        tickets.join(", ")
    )))
}

/// Tells of a desk that is out of sight: status, metric and log.
pub async fn tell(ledger: &Ledger, course: &Course, side: Side, why: &str, clock: &Clock) -> Result<()> {
    if ledger.note_blind(course.id, side, why, clock.now()).await? {
        error!(mirror = course.name, side = side.as_str(), why, "nothing is read or written for this mirror until it is back");
    }
    Ok(())
}

/// Watches what the credentials of one mirror can see.
pub struct Watcher {
    pub ledger: Ledger,
    pub clock: Clock,
    pub course: Arc<Course>,
    pub wake: Arc<Notify>,
}

impl Watcher {
    /// One activation: both desks.
    pub async fn activate(&self) -> Next {
        let mut next = CALM;
        for side in [Side::Source, Side::Target] {
            match at_priority(Priority::Check, self.look(side)).await {
                Ok(true) => {}
                Ok(false) => next = ALARMED,
                Err(fate) => warn!(mirror = self.course.name, side = side.as_str(), %fate, "it is not known what can be seen"),
            }
        }
        Next::After(next)
    }

    /// Whether this desk is seen.
    async fn look(&self, side: Side) -> Result<bool> {
        if let Some(why) = blind(&self.ledger, &self.course, side, None).await? {
            tell(&self.ledger, &self.course, side, &why, &self.clock).await?;
            return Ok(false);
        }
        if self.ledger.note_seeing(self.course.id, side).await? {
            info!(mirror = self.course.name, side = side.as_str(), "the desk's tickets are seen again: the mirror goes on");
            self.wake.notify_one();
        }
        Ok(true)
    }
}
