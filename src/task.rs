//! Tasks that run until they are told to stop. The only file that sleeps.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;

/// Tells tasks to stop; clones hear the same word.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

/// Says when to stop. Dropping it says so too.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// A pair of the one who says stop and those who hear it.
pub fn stopper() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Says stop.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Whether stop was said.
    pub fn said(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when stop is said.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(|said| *said).await;
    }
}

/// What one activation of a loop found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There may be more: again at once.
    Again,
    /// Nothing for so long, or until somebody knocks.
    After(Duration),
}

/// Runs `activate` until stop is said: it takes no input, looks what there is to do, does it, and says when to look again.
pub async fn run<F>(mut stop: Stop, mut activate: impl FnMut() -> F)
where
    F: Future<Output = Next>,
{
    while !stop.said() {
        if let Next::After(wait) = activate().await {
            tokio::select! {
                () = stop.wait() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// Waits, or returns early when stop is said.
pub async fn pause(wait: Duration, stop: &mut Stop) {
    tokio::select! {
        () = stop.wait() => {}
        () = tokio::time::sleep(wait) => {}
    }
}

/// Waits. For budgets and simulated delays, where the wait is the work.
pub async fn delay(wait: Duration) {
    tokio::time::sleep(wait).await;
}
