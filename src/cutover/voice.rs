//! Takes off again what keeps a desk silent about the tickets that we write to, where people work: their replies have to reach the
//! customer.
//!
//! In the new desk that is from the turn on, open tickets first; in the old one whenever it was written to, because late mails are
//! answered there. Nothing waits for it. What is left to do is in the ledger, ticket by ticket, so it goes on after any interruption, and
//! a desk that refuses one ticket is asked about it again. Each ticket is read once more afterwards, as after every change that a desk
//! tells of: those that are done with are therefore only taken on while little else waits.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::clock::{Clock, delta};
use crate::config::mirror::MirrorConfig;
use crate::connectors::capabilities_of;
use crate::connectors::contract::{Connector, StillSilent};
use crate::connectors::http::{Priority, at_priority};
use crate::desk::Side;
use crate::desk::capability::Capabilities;
use crate::ledger::voice::{Mute, Place, Voice};
use crate::ledger::{self, Ledger};
use crate::mirror::MirrorId;
use crate::task::Next;

/// So many tickets are asked for at once.
const AT_ONCE: i64 = 100;
/// Tickets that are done with wait while so many lanes have work.
const BUSY: i64 = 100;
/// A ticket that could not be helped is taken on again after so long.
const AGAIN: Duration = Duration::from_secs(60);
/// How soon a ticket is seen that was written to.
const SOON: Duration = Duration::from_secs(2);
/// After a desk that did not answer.
const LATER: Duration = Duration::from_secs(10);

/// Gives the desks of one mirror their voice back.
pub struct Speaker {
    pub ledger: Ledger,
    pub clock: Clock,
    pub mirror: MirrorId,
    pub name: String,
    /// The source's desk and the target's.
    pub desks: [Arc<dyn Connector>; 2],
}

impl Speaker {
    /// One activation: up to a hundred tickets of each desk.
    pub async fn activate(&self) -> Next {
        let mut next = Next::After(SOON);
        for (side, desk) in [Side::Source, Side::Target].into_iter().zip(&self.desks) {
            if !desk.capabilities().silence_stays {
                continue;
            }
            match self.step(side, desk.as_ref()).await {
                Ok(true) => next = Next::Again,
                Ok(false) => {}
                Err(error) => {
                    warn!(mirror = self.name, %error, "what keeps a desk silent cannot be taken off for a moment");
                    return Next::After(LATER);
                }
            }
        }
        next
    }

    /// Whether there may be more to do at this desk right away.
    async fn step(&self, side: Side, desk: &dyn Connector) -> ledger::Result<bool> {
        let place = place(self.mirror, side, desk.capabilities());
        let tried_before = self.clock.now() - delta(AGAIN);
        let mut mute = self.ledger.mute(place, false, tried_before, AT_ONCE).await?;
        if !mute.is_empty() && self.ledger.lanes_waiting(self.mirror).await? > BUSY {
            mute = self.ledger.mute(place, true, tried_before, AT_ONCE).await?;
        }
        if mute.is_empty() {
            return Ok(false);
        }
        let tickets: Vec<_> = mute.iter().map(|one| one.ticket.clone()).collect();
        let still = match at_priority(Priority::Backfill, desk.end_silences(&tickets)).await {
            Ok(still) => still,
            Err(fault) => {
                let why = fault.to_string();
                tickets.into_iter().map(|ticket| StillSilent { ticket, why: why.clone() }).collect()
            }
        };
        self.account(side, &mute, &still).await?;
        Ok(i64::try_from(mute.len()) == Ok(AT_ONCE))
    }

    async fn account(&self, side: Side, mute: &[Mute], still: &[StillSilent]) -> ledger::Result<()> {
        let why = |one: &Mute| still.iter().find(|still| still.ticket == one.ticket).map(|still| still.why.as_str());
        let speaks: Vec<Mute> = mute.iter().filter(|one| why(one).is_none()).cloned().collect();
        let done = self.ledger.speaks(side, &speaks).await?;
        for (one, why) in mute.iter().filter_map(|one| Some((one, why(one)?))) {
            self.ledger.still_mute(one, why, self.clock.now()).await?;
        }
        let (mirror, desk) = (self.name.as_str(), side.as_str());
        if let Some(first) = still.first() {
            let why = first.why.as_str();
            warn!(mirror, desk, tickets = still.len(), why, "the desk stays silent about tickets; they are tried again");
        }
        if done > 0 {
            info!(mirror, desk, tickets = done, "people's replies in these tickets reach the customer again");
        }
        Ok(())
    }
}

/// Where the ledger has to look.
fn place(mirror: MirrorId, side: Side, can: &'static Capabilities) -> Place<'static> {
    Place { mirror, side, closed: can.immutable_status, done: can.final_statuses }
}

/// How far it is at those of a mirror's desks that stay silent until somebody takes it off.
pub async fn voices(ledger: &Ledger, mirror: MirrorId, config: &MirrorConfig) -> ledger::Result<Vec<Voice>> {
    let mut voices = Vec::new();
    for side in [Side::Source, Side::Target] {
        let can = capabilities_of(&config.connection(side).vendor).filter(|can| can.silence_stays);
        if let Some(can) = can {
            voices.push(ledger.voice(place(mirror, side, can)).await?);
        }
    }
    Ok(voices)
}

/// How far it is, for people; `None`: there is nothing to tell.
pub fn line(voice: &Voice) -> Option<String> {
    let Voice { side, tickets, mute, failed, example } = voice;
    if *tickets == 0 || (*side == Side::Source && *mute == 0) {
        return None;
    }
    let failed = match example {
        Some(example) => format!("; {failed} could not be yet and are tried again, one of them: ticket {example}"),
        None => String::new(),
    };
    let desk = super::gate::desk_name(*side);
    Some(format!("silence lifted: {} of {tickets} tickets of the {desk} desk{failed}", tickets - mute))
}
