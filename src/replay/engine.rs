//! The engine: claims lanes that are due, replays each in a task of its own, and deals with those that could not be settled.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::clock::{Monotonic, delta};
use crate::connectors::http::{Priority, at_priority};
use crate::desk::Side;
use crate::ledger;
use crate::ledger::lane::{Claim, Claimant};
use crate::ledger::parked::Park;
use crate::mirror::MirrorId;
use crate::task::{self, Stop};

use super::canary;
use super::course::Course;
use super::fate::{Fate, Parking, Result};
use super::house::House;
use super::lane::replay;
use super::remedy::{Remedy, backoff, remedy};
use super::watch::Tenure;

const ONE_SECOND: Duration = Duration::from_secs(1);

/// The courses of the mirrors that are served.
pub type Courses = Arc<RwLock<BTreeMap<MirrorId, Arc<Course>>>>;

/// Replays lanes.
#[derive(Clone)]
pub struct Engine {
    house: Arc<House>,
    courses: Courses,
    worker: Uuid,
    wake: Arc<Notify>,
}

impl Engine {
    /// An engine with a name of its own.
    pub fn new(house: Arc<House>, courses: Courses, wake: Arc<Notify>) -> Self {
        Self { house, courses, worker: Uuid::new_v4(), wake }
    }

    /// Works until stop is said, then lets each lane finish the write that is under way and gives it back.
    pub async fn run(&self, stop: Stop) {
        let mut tasks = JoinSet::new();
        let mut listen = stop.clone();
        while !stop.said() {
            while tasks.try_join_next().is_some() {}
            let free = self.house.settings.workers.saturating_sub(tasks.len());
            let claims = if free > 0 { self.claim(free).await } else { Vec::new() };
            for (claim, claimed) in &claims {
                let (engine, claim, claimed) = (self.clone(), claim.clone(), *claimed);
                tasks.spawn(async move { engine.work(&claim, claimed).await });
            }
            if claims.len() == free && free > 0 {
                continue;
            }
            tokio::select! {
                () = self.wake.notified() => {}
                Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
                () = task::pause(self.house.settings.idle, &mut listen) => {}
            }
        }
        self.house.stopping.store(true, Ordering::Relaxed);
        while tasks.join_next().await.is_some() {}
    }

    /// Replays what is due now, and again what that brought about, until nothing is due. For tests.
    pub async fn run_until_idle(&self) -> usize {
        let mut done = 0;
        loop {
            let claims = self.claim(self.house.settings.workers).await;
            if claims.is_empty() {
                return done;
            }
            let mut tasks = JoinSet::new();
            for (claim, claimed) in claims {
                let engine = self.clone();
                tasks.spawn(async move { engine.work(&claim, claimed).await });
                done += 1;
            }
            while tasks.join_next().await.is_some() {}
        }
    }

    async fn claim(&self, most: usize) -> Vec<(Claim, Monotonic)> {
        let claimed = Monotonic::now();
        let settings = &self.house.settings;
        let claimant = Claimant { worker: self.worker, lease: settings.lease, grace: settings.grace, only: settings.only };
        let now = self.house.clock.now();
        if let Err(error) = self.house.ledger.retry_changed(now).await {
            warn!(%error, "parked tickets could not be looked through");
        }
        match self.house.ledger.claim(claimant, i64::try_from(most).unwrap_or(i64::MAX), now).await {
            Ok(claims) => claims.into_iter().map(|claim| (claim, claimed)).collect(),
            Err(error) => {
                warn!(%error, "no work could be claimed");
                Vec::new()
            }
        }
    }

    /// Replays one lane and deals with what came of it.
    async fn work(&self, claim: &Claim, claimed: Monotonic) {
        let course = self.courses.read().unwrap_or_else(PoisonError::into_inner).get(&claim.mirror).cloned();
        let outcome = match &course {
            Some(course) => {
                let priority = match (claim.backfill, claim.sweep) {
                    (true, _) => Priority::Backfill,
                    (_, true) => Priority::Check,
                    _ => Priority::Live,
                };
                let tenure = Tenure::since(claimed);
                tokio::select! {
                    outcome = at_priority(priority, replay(&self.house, course, claim, &tenure)) => outcome,
                    () = tenure.hold(&self.house, claim) => Err(Fate::Ledger(ledger::Error::Fenced)),
                }
            }
            // Another process serves that mirror with a newer configuration: give the lane back to it.
            None => Err(Fate::NotYet { after: Duration::from_secs(2), why: "this process does not serve the mirror".into() }),
        };
        let Err(fate) = outcome else { return };
        if let Err(fate) = self.deal_with(claim, course.as_deref(), fate).await {
            self.give_back(claim, fate).await;
        }
    }

    /// A ledger that went away (a Postgres that is started again) is waited for as long as the lease lasts: else the lane would
    /// rest until that is over.
    async fn give_back(&self, claim: &Claim, mut fate: Fate) {
        let since = Monotonic::now();
        loop {
            match &fate {
                Fate::Ledger(ledger::Error::Fenced) => return info!(pair = claim.pair.0, "the lane was given to another worker"),
                Fate::Ledger(error) if error.is_away() && since.elapsed() < self.house.settings.lease => {
                    task::delay(ONE_SECOND).await;
                    match self.put_off(claim, ONE_SECOND, ("ledger", &error.to_string())).await {
                        Ok(()) => return,
                        Err(next) => fate = next,
                    }
                }
                fate => {
                    return error!(pair = claim.pair.0, %fate, "a lane could not be given back; its lease runs out by itself");
                }
            }
        }
    }

    async fn deal_with(&self, claim: &Claim, course: Option<&Course>, fate: Fate) -> Result<()> {
        let after = backoff(claim.attempts, Duration::from_secs(60));
        match fate {
            Fate::Ledger(ledger::Error::Fenced) => Err(Fate::Ledger(ledger::Error::Fenced)),
            // The other lane may be parked: whoever waits for it asks less and less often.
            Fate::Ledger(error @ ledger::Error::Taken) => self.put_off(claim, after, ("not yet", &error.to_string())).await,
            Fate::Ledger(error) => {
                warn!(pair = claim.pair.0, %error, "a lane could not be settled; it is tried again");
                self.put_off(claim, after, ("ledger", &error.to_string())).await
            }
            Fate::NotYet { after, why } => self.put_off(claim, after, ("not yet", &why)).await,
            Fate::Halted => self.put_off(claim, Duration::from_secs(60), ("halted", "the mirror was halted")).await,
            Fate::Park(parking) => self.park(claim, &parking).await,
            Fate::Unseen { side, parking } => match course {
                Some(course) if self.lost_sight(claim, course, side).await? => Ok(()),
                _ => self.park(claim, &parking).await,
            },
            // Asked now: a write since the claim began the count again.
            Fate::Fault(fault) => match remedy(&fault, self.house.ledger.attempts(claim).await?) {
                Remedy::Retry(after) => self.put_off(claim, after, (fault.kind(), &fault.to_string())).await,
                Remedy::Park { advice } => self.park_fault(claim, &fault, advice).await,
                Remedy::Halt { advice } => self.halt_or_park(claim, course, &fault, advice).await,
            },
        }
    }

    /// Where the credential sees no other ticket either, the lane waits and the mirror's desk is told as out of sight.
    async fn lost_sight(&self, claim: &Claim, course: &Course, side: Side) -> Result<bool> {
        let house = &self.house;
        let after = backoff(claim.attempts, Duration::from_secs(60));
        let why = match canary::blind(&house.ledger, course, side, Some(claim.pair)).await {
            Ok(None) => return Ok(false),
            Ok(Some(why)) => why,
            Err(Fate::Fault(fault)) => {
                self.put_off(claim, after, (fault.kind(), &fault.to_string())).await?;
                return Ok(true);
            }
            Err(fate) => return Err(fate),
        };
        self.put_off(claim, Duration::from_secs(1), ("out of sight", &why)).await?;
        canary::tell(&house.ledger, course, side, &why, &house.clock).await?;
        Ok(true)
    }

    async fn put_off(&self, claim: &Claim, after: Duration, why: (&str, &str)) -> Result<()> {
        let due = self.house.clock.now() + delta(after);
        self.house.ledger.put_off(claim, due, why).await?;
        Ok(())
    }

    async fn park(&self, claim: &Claim, parking: &Parking) -> Result<()> {
        let park = Park { kind: parking.kind, reason: &parking.reason, advice: &parking.advice, blocking: true, urgent: false };
        warn!(pair = claim.pair.0, kind = parking.kind, "a ticket was parked");
        self.house.ledger.park(claim, &park, self.house.clock.now()).await?;
        Ok(())
    }

    async fn park_fault(&self, claim: &Claim, fault: &crate::connectors::fault::Fault, advice: &str) -> Result<()> {
        let pair = self.house.ledger.pair(claim.pair).await?;
        let ticket = pair.source_ticket.map_or_else(|| "(none)".to_string(), |id| id.to_string());
        let parking =
            Parking { kind: fault.kind(), reason: format!("source ticket {ticket}: {fault}"), advice: advice.to_string() };
        self.park(claim, &parking).await
    }

    /// A refused credential halts the mirror if the desk refuses it altogether; a missing right parks the one ticket.
    async fn halt_or_park(
        &self,
        claim: &Claim,
        course: Option<&Course>,
        fault: &crate::connectors::fault::Fault,
        advice: &str,
    ) -> Result<()> {
        let Some(course) = course else { return self.park_fault(claim, fault, advice).await };
        for desk in [&course.source, &course.target] {
            match desk.identify().await {
                Err(refused @ crate::connectors::fault::Fault::Unauthorised { .. }) => {
                    let why = format!("{refused}. {advice}");
                    error!(mirror = course.name, why, "the mirror is halted");
                    self.house.ledger.pause_mirror(claim.mirror, &why).await?;
                    return self.put_off(claim, Duration::from_secs(1), ("unauthorised", &refused.to_string())).await;
                }
                Err(_) => {
                    let after = backoff(claim.attempts, Duration::from_secs(60));
                    return self.put_off(claim, after, (fault.kind(), &fault.to_string())).await;
                }
                Ok(_) => {}
            }
        }
        for side in [Side::Source, Side::Target] {
            if self.lost_sight(claim, course, side).await? {
                return Ok(());
            }
        }
        self.park_fault(claim, fault, advice).await
    }
}
