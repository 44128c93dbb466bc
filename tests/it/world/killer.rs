//! Ends or holds a process at a named step of the replay.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use tidegate::replay::course::Steps;
use tokio::sync::{Notify, Semaphore};

/// Holds whoever reaches a step for the n-th time: for good (the process is then dropped), or until it is let go.
pub struct Holder {
    step: &'static str,
    passes: AtomicU32,
    reached: Notify,
    gate: Semaphore,
}

impl Holder {
    /// Holds at the `pass`-th time (from 1) that `step` is reached.
    pub fn at(step: &'static str, pass: u32) -> Self {
        Self { step, passes: AtomicU32::new(pass), reached: Notify::new(), gate: Semaphore::new(0) }
    }

    /// Returns when somebody is held.
    pub async fn holds(&self) {
        self.reached.notified().await;
    }

    /// Lets them go on.
    pub fn let_go(&self) {
        self.gate.add_permits(1);
    }
}

#[async_trait]
impl Steps for Holder {
    async fn reached(&self, step: &'static str) {
        if step == self.step && self.passes.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.reached.notify_one();
            self.gate.acquire().await.expect("it is never closed").forget();
        }
    }
}
