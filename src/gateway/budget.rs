//! The budget of a desk, kept in the ledger, so that everything that calls the desk shares it, in all processes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tracing::warn;

use crate::clock::{Clock, delta};
use crate::connectors::fault::Fault;
use crate::connectors::http::{Budget, Call, Limits, Priority};
use crate::ledger::Ledger;
use crate::ledger::budget::{Bucket, Opening};
use crate::mirror::MirrorId;
use crate::task;

/// Longer than this a call does not wait: its lane is given back instead.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// The class of calls that most are of.
const EVERYDAY: &str = "general";

/// Calls a minute to a desk that has told no limit.
const UNKNOWN: f64 = 60_000.0;

/// The budget of one desk for one mirror.
pub struct SharedBudget {
    ledger: Ledger,
    clock: Clock,
    mirror: MirrorId,
    address: String,
    /// The part of the desk's limit that is ours, 0 to 1.
    share: f64,
    per_minute: Option<f64>,
    /// The desk told of a limit, or the operator set one. Until then no call waits.
    limited: AtomicBool,
    /// Calls so far, in this process.
    made: AtomicU64,
    /// What the desk last told that it allows in a minute, our share of it; 0: nothing yet.
    allowed: AtomicU64,
    calls: Mutex<BTreeMap<String, i64>>,
}

impl SharedBudget {
    /// A budget for the desk at `address`: `share` per cent of what it allows, and never more than `per_minute`.
    pub fn new(ledger: Ledger, clock: Clock, mirror: MirrorId, address: &str, share: u32, per_minute: Option<u32>) -> Self {
        Self {
            ledger,
            clock,
            mirror,
            address: address.to_string(),
            share: f64::from(share.clamp(1, 100)) / 100.0,
            per_minute: per_minute.map(f64::from),
            limited: AtomicBool::new(per_minute.is_some()),
            made: AtomicU64::new(0),
            allowed: AtomicU64::new(per_minute.map_or(0, u64::from)),
            calls: Mutex::new(BTreeMap::new()),
        }
    }

    /// Calls that this process made so far.
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Calls a minute that the desk allows us, where it or the operator named a limit.
    pub fn allowed(&self) -> Option<f64> {
        match self.allowed.load(Ordering::Relaxed) {
            0 => None,
            limit => Some(limit as f64),
        }
    }

    /// Writes the calls counted since the last time into the ledger.
    pub async fn flush(&self) {
        let counted = std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner));
        if counted.is_empty() {
            return;
        }
        if let Err(error) = self.ledger.raise_figures(self.mirror, &counted).await {
            warn!(%error, "calls could not be counted in the ledger; they are counted next time");
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, by) in counted {
                *calls.entry(name).or_default() += by;
            }
        }
    }

    fn opening(&self, class: &str) -> Opening {
        // As documented by Zendesk: 10 calls a minute to incremental exports, and to the list of deleted tickets. Everywhere
        // else the desk's headers tell; until they do, only its "slow down" is obeyed.
        let known = if matches!(class, "incremental" | "deleted") { 10.0 } else { UNKNOWN };
        let per_minute = self.per_minute.unwrap_or(known).min(known * self.share).max(1.0);
        Opening { capacity: per_minute, per_second: per_minute / 60.0 }
    }

    fn reserve(&self, priority: Priority, opening: Opening) -> f64 {
        match priority {
            Priority::Live => 0.0,
            Priority::Backfill => opening.capacity * 0.15,
            Priority::Check => opening.capacity * 0.3,
        }
    }
}

#[async_trait]
impl Budget for SharedBudget {
    async fn acquire(&self, call: Call, priority: Priority) -> Result<(), Fault> {
        if self.limited.load(Ordering::Relaxed) {
            let opening = self.opening(call.class);
            let bucket = Bucket { address: &self.address, class: call.class };
            let mut waited = Duration::ZERO;
            loop {
                let asked = self.ledger.take_token(bucket, opening, self.reserve(priority, opening), self.clock.now()).await;
                let wait = match asked {
                    Ok(None) => break,
                    Ok(Some(wait)) => wait,
                    Err(error) => return Err(Fault::unreachable(format!("{}: the budget cannot be asked: {error}", call.kind))),
                };
                if waited + wait > LONGEST_WAIT {
                    let what = format!("{}: the desk's limit is used up", call.kind);
                    return Err(Fault::Throttled { what, retry_after: Some(wait) });
                }
                task::delay(wait).await;
                waited += wait;
            }
        }
        self.made.fetch_add(1, Ordering::Relaxed);
        let name = format!("calls: {}", call.kind);
        *self.calls.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default() += 1;
        Ok(())
    }

    async fn learn(&self, call: Call, limits: Limits) {
        let bucket = Bucket { address: &self.address, class: call.class };
        let now = self.clock.now();
        if !self.limited.swap(true, Ordering::Relaxed) {
            // The bucket has to be there before it can learn.
            let _ = self.ledger.take_token(bucket, self.opening(call.class), 0.0, now).await;
        }
        let ours = |limit: u32| {
            let share = f64::from(limit) * self.share;
            self.per_minute.map_or(share, |most| share.min(most)).max(1.0)
        };
        let capacity = limits.limit.map(ours);
        if let Some(capacity) = capacity.filter(|_| call.class == EVERYDAY) {
            self.allowed.store(capacity as u64, Ordering::Relaxed);
        }
        let theirs = limits.limit.map_or(0.0, |limit| f64::from(limit) * (1.0 - self.share));
        let remaining = limits.remaining.map(|remaining| (f64::from(remaining) - theirs).max(0.0));
        let closed = limits.wait.map(|wait| now + delta(wait));
        if let Err(error) = self.ledger.learn_budget(bucket, capacity, remaining, closed, now).await {
            warn!(%error, "what the desk told of its limit could not be kept");
        }
    }
}
