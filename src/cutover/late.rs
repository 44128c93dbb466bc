//! Ends what a switch left to be done: tickets that were in the middle of something when the lead turned are turned when it is done.
//!
//! A command waits a few seconds for them and goes; one that was killed waits for nothing. Whoever asks again meanwhile does the same work,
//! and neither is in the other's way.

use std::time::Duration;

use tracing::{info, warn};

use crate::clock::{Clock, delta};
use crate::ledger::switch::Run;
use crate::ledger::{self, Ledger};
use crate::mirror::MirrorId;
use crate::task::Next;

use super::switch::Step;

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// A command that has told nothing for so long after the turn is gone.
const GONE: Duration = Duration::from_secs(300);

/// Turns the late tickets of one mirror.
pub struct LateTurn {
    pub ledger: Ledger,
    pub clock: Clock,
    pub mirror: MirrorId,
    pub name: String,
}

impl LateTurn {
    /// One activation: the tickets that have come to rest.
    pub async fn activate(&self) -> Next {
        if let Err(error) = self.step().await {
            warn!(mirror = self.name, %error, "the last tickets of a switch cannot be turned for a moment");
        }
        Next::After(LOOK)
    }

    async fn step(&self) -> ledger::Result<()> {
        let Some(run) = self.ledger.open_switch(self.mirror).await?.filter(|run| run.turned_at.is_some()) else {
            return Ok(());
        };
        let now = self.clock.now();
        let turned = self.ledger.turn_switch(self.mirror, &run, now).await?;
        if turned.tickets > 0 {
            info!(
                mirror = self.name,
                tickets = turned.tickets,
                late = turned.late,
                "tickets of a switch are turned that were late"
            );
        }
        if turned.late == 0 && self.is_left(&run).await? {
            self.ledger.end_switch(self.mirror, &run, "done", now).await?;
            info!(mirror = self.name, "the switch is done");
        }
        Ok(())
    }

    /// Whether the command that began it waits for it no longer.
    async fn is_left(&self, run: &Run) -> ledger::Result<bool> {
        let waited = self.ledger.steps(run).await?.iter().any(|(step, _)| step == Step::Late.as_str());
        let since = run.turned_at.map(|at| self.clock.now() - at);
        Ok(waited || since.is_some_and(|since| since > delta(GONE)))
    }
}
