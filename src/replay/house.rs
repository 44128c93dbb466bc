//! What every replay needs: the ledger, the clock, how to work, and one's turn.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::clock::Clock;
use crate::connectors::http::CALL_LIMIT;
use crate::ledger::Ledger;
use crate::mirror::MirrorId;

use super::course::Steps;

/// How the engine works.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Lanes replayed at the same time.
    pub workers: usize,
    /// Longer than the longest call, or no write could ever be sent.
    pub lease: Duration,
    /// The longest that one call to a desk takes; see [`CALL_LIMIT`].
    pub call_limit: Duration,
    /// How long a lane rests after its lease ran out: a write of the former holder may still be on its way.
    pub grace: Duration,
    /// When a weak hint is looked at once more.
    pub second_look: Duration,
    /// The longest that the engine sleeps without being woken.
    pub idle: Duration,
    /// Work for this mirror and no other; `None`: for all.
    pub only: Option<MirrorId>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 16,
            lease: Duration::from_secs(90),
            call_limit: CALL_LIMIT,
            grace: Duration::from_secs(25),
            second_look: Duration::from_secs(3),
            idle: Duration::from_millis(250),
            only: None,
        }
    }
}

/// What every replay needs.
pub struct House {
    pub ledger: Ledger,
    pub clock: Clock,
    pub settings: Settings,
    pub steps: Arc<dyn Steps>,
    pub turns: Turns,
    /// Stop was said: a lane ends before its next write and goes on elsewhere.
    pub stopping: AtomicBool,
}

/// One at a time per name, within this process.
#[derive(Default)]
pub struct Turns {
    locks: Mutex<HashMap<String, Arc<Turn<()>>>>,
}

impl Turns {
    /// Waits for one's turn; it ends when the guard is dropped.
    pub async fn take(&self, name: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(name.to_lowercase()).or_default().clone()
        };
        lock.lock_owned().await
    }
}
