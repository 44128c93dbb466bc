//! The secrets that a webhook's deliveries prove themselves with. Where the desk tells its own, an admin may reset it there at any
//! time: the first delivery that no known secret proves makes us ask.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::clock::Monotonic;
use crate::connectors::contract::SourceDesk;
use crate::secret::Secret;

/// A desk is asked at most this often, however many forged requests come.
const EVERY: Duration = Duration::from_secs(10);
/// The sender waits for its answer meanwhile; Zendesk gives up after twelve seconds.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// What asking the desk told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// There is another secret now.
    Changed,
    /// The desk signs with what we know.
    Same,
    /// The desk was asked a moment ago, or does not answer.
    NotNow,
}

/// The secrets of one webhook.
#[derive(Default)]
pub struct Secrets {
    known: RwLock<Known>,
    /// When the desk was asked last. Held while it is asked: who comes meanwhile shares the answer.
    asked: Mutex<Option<Monotonic>>,
}

#[derive(Clone, Default)]
struct Known {
    /// The newest first.
    secrets: Vec<Secret>,
    /// The desk's id of the webhook, where it tells the secret.
    webhook: Option<String>,
}

impl Secrets {
    /// The newest first; two during a rotation. Empty until the desk told its secret.
    pub fn known(&self) -> Vec<Secret> {
        self.read().secrets
    }

    /// From now on these; `webhook` is the desk's id of it, where it can be asked for its secret.
    pub fn set(&self, secrets: Vec<Secret>, webhook: Option<String>) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known { secrets, webhook };
    }

    /// Asks the desk whether it signs with another secret than those `tried`.
    pub async fn ask(&self, desk: &dyn SourceDesk, tried: &[Secret]) -> Asked {
        let Some(webhook) = self.read().webhook else { return Asked::Same };
        let mut asked = self.asked.lock().await;
        let known = self.known();
        if known != tried {
            return Asked::Changed;
        }
        if asked.is_some_and(|at| at.elapsed() < EVERY) {
            return Asked::NotNow;
        }
        *asked = Some(Monotonic::now());
        match tokio::time::timeout(ASK_LIMIT, desk.webhook_secret(&webhook)).await {
            Ok(Ok(secret)) if known.contains(&secret) => Asked::Same,
            Ok(Ok(secret)) => {
                info!("the desk has another webhook secret now");
                // Deliveries that are on their way are signed with the former one.
                self.set([secret].into_iter().chain(known).collect(), Some(webhook));
                Asked::Changed
            }
            Ok(Err(fault)) => {
                warn!(%fault, "the desk does not tell its webhook secret");
                Asked::NotNow
            }
            Err(_) => Asked::NotNow,
        }
    }

    fn read(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
