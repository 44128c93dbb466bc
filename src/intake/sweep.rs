//! The sweep: the last witness. It looks at every live ticket within a stated time, whether anybody told of it or not.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{debug, warn};

use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::mirror::MirrorId;
use crate::task::Next;

/// Activations in each bound; see [`Ledger::order_sweep`].
const TIMES: u32 = 64;

/// Sweeps one mirror.
pub struct Sweeper {
    pub ledger: Ledger,
    pub clock: Clock,
    pub mirror: MirrorId,
    pub name: String,
    /// Every live ticket is looked at at least once in this time.
    pub every: Duration,
    pub wake: Arc<Notify>,
}

impl Sweeper {
    /// One activation: orders the next tickets.
    pub async fn activate(&self) -> Next {
        match self.ledger.order_sweep(self.mirror, self.every, self.clock.now()).await {
            Ok(0) => {}
            Ok(tickets) => {
                debug!(mirror = self.name, tickets, "tickets that nobody told of for long are looked at again");
                self.wake.notify_one();
            }
            Err(error) => warn!(mirror = self.name, %error, "the sweep could not be ordered; it is tried again"),
        }
        Next::After(self.every / TIMES)
    }
}
