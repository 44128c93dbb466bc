//! The secrets that a webhook's deliveries prove themselves with. Where the desk tells its own, an admin may reset it there at any
//! time: the first delivery that no known secret proves makes us ask. Once the newest secret has proved a delivery, the former ones
//! are retired after a while: deliveries on their way may be signed with them.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::clock::{Monotonic, delta};
use crate::connectors::contract::SourceDesk;
use crate::secret::Secret;

/// A desk is asked at most this often, however many forged requests come.
const EVERY: Duration = Duration::from_secs(10);
/// The sender waits for its answer meanwhile; Zendesk gives up after twelve seconds.
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// So long after the first delivery that the newest secret proved the former ones are still taken.
pub const RETIRED_AFTER: Duration = Duration::from_secs(600);

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
    /// When the former secrets are retired.
    retire_at: Option<DateTime<Utc>>,
    /// To tell a desk that has a former one from a desk that has a wrong one.
    retired: Vec<Secret>,
}

impl Secrets {
    /// The newest first; two during a rotation. Empty until the desk told its secret.
    pub fn known(&self) -> Vec<Secret> {
        self.read().secrets
    }

    /// Those that were good once.
    pub fn retired(&self) -> Vec<Secret> {
        self.read().retired
    }

    /// From now on these, but for those that are retired; `webhook` is the desk's id of it, where it can be asked for its secret.
    pub fn set(&self, secrets: Vec<Secret>, webhook: Option<String>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let newest = secrets.first().cloned();
        if newest.as_ref() != known.secrets.first() {
            known.retire_at = None;
        }
        known.retired.retain(|one| Some(one) != newest.as_ref());
        let retired = known.retired.clone();
        known.secrets = secrets.into_iter().filter(|one| !retired.contains(one)).collect();
        known.webhook = webhook;
    }

    /// A delivery was proved by the secret at this place: when the newest has, the former ones are not needed for long.
    pub fn proved(&self, place: usize, now: DateTime<Utc>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if place == 0 && known.secrets.len() > 1 && known.retire_at.is_none() {
            known.retire_at = Some(now + delta(RETIRED_AFTER));
        }
    }

    /// Retires the former secrets whose time has come.
    pub fn retire(&self, now: DateTime<Utc>) {
        if self.read().retire_at.is_none_or(|at| now < at) {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let keep = known.secrets.len().min(1);
        let former = known.secrets.split_off(keep);
        known.retired.extend(former);
        known.retire_at = None;
        info!("the webhook's former secret is retired");
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

#[cfg(test)]
mod tests {
    use super::*;

    fn named(words: &[&str]) -> Vec<Secret> {
        words.iter().map(|word| Secret::new(*word)).collect()
    }

    #[test]
    fn the_former_secret_is_good_until_a_while_after_the_new_one_proved_itself() {
        let secrets = Secrets::default();
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("a time");
        secrets.set(named(&["new", "old"]), None);
        secrets.proved(1, at(0));
        secrets.retire(at(1_000_000));
        assert_eq!(secrets.known(), named(&["new", "old"]), "nothing was proved by the new one yet");
        secrets.proved(0, at(0));
        secrets.proved(0, at(599));
        secrets.set(named(&["new", "old"]), None);
        secrets.retire(at(599));
        assert_eq!(secrets.known(), named(&["new", "old"]), "deliveries are on their way");
        secrets.retire(at(600));
        assert_eq!((secrets.known(), secrets.retired()), (named(&["new"]), named(&["old"])));
        secrets.set(named(&["new", "old"]), None);
        assert_eq!(secrets.known(), named(&["new"]), "a file that was not tidied does not bring it back");
        secrets.set(named(&["old", "new"]), None);
        assert_eq!(secrets.known(), named(&["old", "new"]), "the operator went back to it");
    }
}
