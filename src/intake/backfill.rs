//! The full copy: a listing that appends hints at a lower priority than live changes. Stopped at any point, it goes on there.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{info, warn};

use crate::clock::Clock;
use crate::connectors::contract::SourceDesk;
use crate::connectors::http::{Priority, at_priority};
use crate::ledger::Ledger;
use crate::mirror::MirrorId;
use crate::task::Next;

use super::poll::PollError;

/// Lists one mirror's source.
pub struct Lister {
    pub ledger: Ledger,
    pub clock: Clock,
    pub mirror: MirrorId,
    pub name: String,
    pub source: Arc<dyn SourceDesk>,
    pub wake: Arc<Notify>,
}

impl Lister {
    /// One activation: a page of the listing, or a look whether everything listed is done.
    pub async fn activate(&self) -> Next {
        match self.step().await {
            Ok(next) => next,
            Err(error) => {
                warn!(mirror = self.name, %error, "the listing of the full copy stopped for a moment; it goes on from where it was");
                Next::After(Duration::from_secs(2))
            }
        }
    }

    async fn step(&self) -> Result<Next, PollError> {
        let now = self.clock.now();
        let Some(run) = self.ledger.backfill(self.mirror, false, now).await? else {
            return Ok(Next::After(Duration::from_millis(500)));
        };
        if run.listing_done_at.is_some() {
            if self.ledger.finish_backfill(self.mirror, &run, now).await? {
                info!(mirror = self.name, tickets = run.listed, "the full copy is done; its reference time is its start");
            }
            return Ok(Next::After(Duration::from_millis(250)));
        }
        let page = at_priority(Priority::Backfill, self.source.list(run.cursor.as_ref())).await?;
        self.ledger.take_listing(self.mirror, &run, &page, now).await?;
        self.wake.notify_one();
        Ok(Next::Again)
    }
}
