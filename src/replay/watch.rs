//! The watch over a lease: prolonged as long as work goes on, and not trusted a moment too long.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::{Monotonic, delta};
use crate::connectors::http::Lease;
use crate::ledger::lane::Claim;
use crate::task;

use super::fate::{Fate, Result};
use super::house::House;

/// When a lease was got or prolonged last.
pub struct Tenure(Mutex<Monotonic>);

impl Tenure {
    /// A lane that was claimed just then.
    pub fn since(claimed: Monotonic) -> Self {
        Self(Mutex::new(claimed))
    }

    fn began(&self) -> Monotonic {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prolongs the lease. Errors: `Fenced`.
    async fn renew(&self, house: &House, claim: &Claim) -> crate::ledger::Result<()> {
        let started = Monotonic::now();
        house.ledger.renew(claim, house.clock.now() + delta(house.settings.lease)).await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = started;
        Ok(())
    }

    /// Prolongs the lease again and again: reading a large ticket from a slow desk may take longer than a lease. Returns when the
    /// lane was given to another worker.
    pub async fn hold(&self, house: &House, claim: &Claim) {
        loop {
            task::delay(house.settings.lease / 4).await;
            match self.renew(house, claim).await {
                Err(crate::ledger::Error::Fenced) => return,
                // The ledger may be back in time; nothing is sent when it is not.
                Err(error) => tracing::warn!(%error, "a lease could not be prolonged"),
                Ok(()) => {}
            }
        }
    }
}

/// Knows when the lease can no longer be trusted.
pub struct Watch<'a> {
    house: &'a House,
    claim: &'a Claim,
    tenure: &'a Tenure,
}

impl<'a> Watch<'a> {
    /// A watch over a claimed lane.
    pub fn new(house: &'a House, claim: &'a Claim, tenure: &'a Tenure) -> Self {
        Self { house, claim, tenure }
    }

    /// The claim that is watched.
    pub fn claim(&self) -> &'a Claim {
        self.claim
    }

    /// Before each write and each file: prolongs the lease once a third of it is over. Errors: `NotYet` when the process is to stop.
    pub async fn renew(&mut self) -> Result<()> {
        if self.house.stopping.load(Ordering::Relaxed) {
            return Err(Fate::NotYet { after: Duration::ZERO, why: "the process that worked on it was stopped".to_string() });
        }
        if self.tenure.began().elapsed() > self.house.settings.lease / 3 {
            self.tenure.renew(self.house, self.claim).await?;
        }
        Ok(())
    }

    /// Right before sending: enough lease is left for the longest call, by a clock that counts suspension.
    pub fn still_ours(&self) -> Result<()> {
        if self.lease().outlasts(self.house.settings.call_limit) {
            Ok(())
        } else {
            Err(Fate::Ledger(crate::ledger::Error::Fenced))
        }
    }

    /// The lease as it stands: a write of several calls checks it before each.
    pub fn lease(&self) -> Lease {
        Lease { since: self.tenure.began(), length: self.house.settings.lease }
    }
}
