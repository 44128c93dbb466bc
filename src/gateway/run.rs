//! Sees runs through: begins those that are due, lets them rest outside the quiet hours, and accounts for them at their end.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::config::run::RunPlan;
use crate::intake::poll::{PollError, Poller};
use crate::ledger::run::{Order, Run};
use crate::ledger::{self, Ledger};
use crate::mirror::MirrorId;
use crate::task::Next;

use super::budget::SharedBudget;

/// Who orders the runs that begin by themselves.
pub const SCHEDULE: &str = "schedule";
/// How soon a run that somebody ordered is seen.
const SOON: Duration = Duration::from_millis(500);
/// And one that has no plan: no run is ordered for it. Another mirror file makes another runner.
const CALM: Duration = Duration::from_secs(30);

/// The runs of one mirror.
pub struct Runner {
    pub ledger: Ledger,
    pub clock: Clock,
    pub mirror: MirrorId,
    pub name: String,
    /// Without one the mirror is a live one, and only a run from before is seen to its end.
    pub plan: Option<RunPlan>,
    pub pollers: [Arc<Poller>; 2],
    pub budgets: [Arc<SharedBudget>; 2],
    pub wake: Arc<Notify>,
}

impl Runner {
    /// One activation: a step of the run that is under way, or a look whether one is due.
    pub async fn activate(&self) -> Next {
        match self.step().await {
            Ok(next) => next,
            Err(error) => {
                warn!(mirror = self.name, %error, "a run cannot go on for a moment");
                Next::After(Duration::from_secs(2))
            }
        }
    }

    async fn step(&self) -> Result<Next, PollError> {
        let Some(run) = self.ledger.open_run(self.mirror).await? else { return Ok(self.begin().await?) };
        let now = self.clock.now();
        let may_work = run.at_any_hour || self.plan.as_ref().is_none_or(|plan| plan.opens(now) == now);
        if may_work != run.rests_since.is_none() {
            self.turn(&run, may_work).await?;
        }
        if !may_work {
            return Ok(Next::After(SOON));
        }
        if run.read_at.is_none() {
            self.read(&run).await?;
            return Ok(Next::Again);
        }
        self.flush().await;
        if self.ledger.end_run(self.mirror, &run, now).await? {
            info!(mirror = self.name, run = run.number, "the run is done");
        }
        Ok(Next::After(SOON))
    }

    /// Orders the run that is due. After the time within which one may start there is none; `status` tells it.
    async fn begin(&self) -> ledger::Result<Next> {
        let Some(plan) = &self.plan else { return Ok(Next::After(CALM)) };
        let (now, before) = (self.clock.now(), self.ledger.before_run(self.mirror).await?);
        let is_due = before.last().and_then(|last| plan.due(last)).is_some_and(|due| due <= now);
        if !is_due || before.deadline().is_none_or(|deadline| deadline < now) {
            return Ok(Next::After(SOON));
        }
        self.flush().await;
        let order = Order { after: before.number, by: SCHEDULE, at_any_hour: false, window: None };
        if self.ledger.order_run(self.mirror, order, now).await? {
            info!(mirror = self.name, run = before.number + 1, "a run is due and begins");
        }
        Ok(Next::Again)
    }

    /// Lets the run rest, or go on.
    async fn turn(&self, run: &Run, may_work: bool) -> ledger::Result<()> {
        self.flush().await;
        let now = self.clock.now();
        if may_work {
            info!(mirror = self.name, run = run.number, "the run goes on: these are quiet hours");
            self.ledger.resume_run(self.mirror, run, now).await
        } else {
            info!(mirror = self.name, run = run.number, "the run rests until the quiet hours");
            self.ledger.rest_run(self.mirror, run, now).await
        }
    }

    /// Reads what both desks tell up to now. One that was stopped meanwhile begins anew, so that the reference time is that of a whole read.
    async fn read(&self, run: &Run) -> Result<(), PollError> {
        let read_at = self.clock.now();
        for poller in &self.pollers {
            while !poller.poll().await? {}
        }
        self.ledger.take_up(self.mirror, run, read_at, self.clock.now()).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// Every call that was made so far is counted before it is reckoned whose it was.
    async fn flush(&self) {
        for budget in &self.budgets {
            budget.flush().await;
        }
    }
}
