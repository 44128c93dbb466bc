//! What a switch has done by others: polls, judgements, waiting, and telling how far it is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::connectors::contract::SourceDesk;
use crate::cutover::gate::Verdicts;
use crate::cutover::parity::{Options, check_stale};
use crate::cutover::switch::{Hands, Step};
use crate::desk::Side;
use crate::gateway::connect::{Connected, bench};
use crate::intake::poll::Poller;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::{self, Ledger};
use crate::task;

use crate::cli::findings;

/// How often the ledger is asked.
const LOOK: Duration = Duration::from_millis(100);

/// The hands of this program.
pub struct Real<'a> {
    pub ledger: &'a Ledger,
    pub clock: &'a Clock,
    pub desks: &'a Connected,
    pub row: &'a MirrorRow,
    /// Steps are told on the terminal.
    pub told: bool,
}

#[async_trait(?Send)]
impl Hands for Real<'_> {
    async fn served(&self) -> ledger::Result<bool> {
        self.ledger.gateway_works().await
    }

    async fn look(&self, side: Side) -> Result<(), String> {
        let desk: Arc<dyn SourceDesk> = self.desks.course.desk(side).clone();
        let poller = Poller {
            ledger: self.ledger.clone(),
            clock: self.clock.clone(),
            mirror: self.row.id,
            name: self.row.name.clone(),
            side,
            desk,
            every: self.desks.config.connection(side).poll.every,
            webhook_retry: None,
            silent: Default::default(),
            wake: Arc::new(Notify::new()),
        };
        while !poller.poll().await.map_err(|error| error.to_string())? {}
        Ok(())
    }

    async fn verdicts(&self, windows: Option<&[i64]>) -> Result<Verdicts, String> {
        let bench = bench(&self.desks.course, self.ledger, self.clock);
        let options = Options { rounds: 2, windows: windows.map(<[i64]>::to_vec), ..Options::default() };
        let all = check_stale(&bench, &options, |_| {}).await.map_err(|error| error.to_string())?;
        Ok(Verdicts::from(all))
    }

    async fn findings(&self) -> Result<(), String> {
        findings::gate(self.ledger, self.row).await.map_err(|error| error.to_string())
    }

    async fn rest(&self) {
        task::delay(LOOK).await;
    }

    async fn reached(&self, step: Step) {
        if self.told && step != Step::Begun {
            eprintln!("{} {}", self.clock.now().format("%T"), step.words());
        }
    }
}
