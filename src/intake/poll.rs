//! The poll: the second witness, always on, also beside working webhooks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::clock::{Clock, delta};
use crate::connectors::contract::SourceDesk;
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::ledger::feed::Watermark;
use crate::ledger::{self, Ledger};
use crate::mirror::MirrorId;
use crate::task::Next;

/// Pages that one activation reads at most, so that others get their turn.
const PAGES: usize = 50;

/// Polls one desk of one mirror.
pub struct Poller {
    pub ledger: Ledger,
    pub clock: Clock,
    pub mirror: MirrorId,
    pub name: String,
    pub side: Side,
    pub desk: Arc<dyn SourceDesk>,
    pub every: Duration,
    /// How long the vendor itself tries to deliver a webhook; an event that the poll saw is missed only after it. `None`:
    /// there is no webhook to compare with.
    pub webhook_retry: Option<Duration>,
    /// Whether the alarm about a silent webhook was raised.
    pub silent: AtomicBool,
    pub wake: Arc<Notify>,
}

/// Why a poll could not be done.
#[derive(Debug, thiserror::Error)]
pub enum PollError {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

impl Poller {
    /// One activation: reads what is new, judges what the webhook missed, says when to look again.
    pub async fn activate(&self) -> Next {
        match self.poll().await {
            Ok(_) => Next::After(self.every),
            Err(error) => {
                warn!(mirror = self.name, side = self.side.as_str(), %error, "a poll failed; it goes on from where it was");
                let noted = self.ledger.poll_failed(self.mirror, self.side, &error.to_string(), self.clock.now()).await;
                if let Err(error) = noted {
                    warn!(%error, "the failed poll could not be noted");
                }
                Next::After(self.after(&error))
            }
        }
    }

    fn after(&self, error: &PollError) -> Duration {
        match error {
            PollError::Fault(Fault::Throttled { retry_after: Some(wait), .. }) => (*wait).max(self.every),
            _ => self.every,
        }
    }

    /// Reads pages until the desk has no more, or it is others' turn. Returns whether everything was read.
    pub async fn poll(&self) -> Result<bool, PollError> {
        let mut mark = self.start().await?;
        let mut more = true;
        for _ in 0..PAGES {
            let now = self.clock.now();
            let page = self.desk.changes(&mark.cursor, now).await?;
            let raised = self.ledger.take_changes(self.mirror, self.side, &mark.cursor, &page, now).await?;
            if raised.events > 0 {
                self.wake.notify_one();
            }
            mark.cursor = page.next;
            more = page.more;
            if !more {
                break;
            }
        }
        self.judge().await?;
        Ok(!more)
    }

    /// Where to go on; the first time, a little before now, so that nothing falls between the start of the witness and of the listing.
    pub async fn start(&self) -> Result<Watermark, PollError> {
        if let Some(mut mark) = self.ledger.watermark(self.mirror, self.side).await? {
            if let Some(at) = mark.rewind_to.take() {
                mark.cursor = self.desk.cursor_at(at);
                self.ledger.rewind_watermark(self.mirror, self.side, &mark.cursor).await?;
                info!(mirror = self.name, side = self.side.as_str(), %at, "the poll begins again: the ledger went back in time");
            }
            return Ok(mark);
        }
        let feed = &self.desk.capabilities().feed;
        let back = u64::from(feed.withheld_seconds + feed.overlap_seconds) + 60;
        let at = self.clock.now() - delta(Duration::from_secs(back));
        let cursor = self.desk.cursor_at(at);
        self.ledger.start_watermark(self.mirror, self.side, &cursor, at).await?;
        Ok(Watermark { cursor, seen_up_to: at, polled_at: at, rewind_to: None })
    }

    async fn judge(&self) -> Result<(), PollError> {
        let Some(retry) = self.webhook_retry else { return Ok(()) };
        let missed = self.ledger.judge_polled(self.mirror, self.side, retry, self.clock.now()).await?;
        if missed > 0 {
            info!(mirror = self.name, side = self.side.as_str(), missed, "changes that no webhook told were found by the poll");
        }
        let silent = self.ledger.webhook_silent(self.mirror, self.side).await?;
        if silent != self.silent.swap(silent, Ordering::Relaxed) {
            self.tell(silent);
        }
        Ok(())
    }

    fn tell(&self, silent: bool) {
        let (mirror, side) = (&self.name, self.side.as_str());
        if silent {
            error!(mirror, side, "the webhook is silent: the poll sees changes that it does not tell; look at it in the desk");
        } else {
            info!(mirror, side, "the webhook tells of changes again");
        }
    }
}
