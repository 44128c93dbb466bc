//! The webhook of a desk: registered where the gateway can do it, its secret known, looked after.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::clock::{Clock, Monotonic};
use crate::config::mirror::Webhook;
use crate::config::secret::webhook_secrets;
use crate::connectors::contract::SourceDesk;
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::capability::Webhooks;
use crate::intake::receive::{Ear, Ears};
use crate::intake::secrets::Secrets;
use crate::ledger::Ledger;
use crate::ledger::feed::Witness;
use crate::mirror::MirrorId;
use crate::replay::course::Course;
use crate::secret::Secret;
use crate::task::Next;

/// How often a registration is looked at again: somebody may have removed it, or changed its secret.
const AGAIN: Duration = Duration::from_secs(300);
/// After a failure, and while deliveries are refused.
const SOON: Duration = Duration::from_secs(15);
/// How often the ledger is asked whether the operator wants something.
const LOOK: Duration = Duration::from_secs(1);

/// Looks after one webhook.
pub struct Registrar {
    pub ledger: Ledger,
    pub clock: Clock,
    pub course: Arc<Course>,
    pub side: Side,
    pub webhook: Webhook,
    /// From the mirror file; empty where the desk tells its own.
    pub secrets: Vec<Secret>,
    /// What deliveries prove themselves with now.
    pub known: Arc<Secrets>,
    pub ears: Ears,
    /// When it was looked at last, for how long that holds, and what the operator had asked for by then.
    pub looked: Mutex<Option<Looked>>,
}

/// A look at a registration.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    at: Monotonic,
    holds: Duration,
    asked_at: Option<DateTime<Utc>>,
}

impl Registrar {
    /// The address that the desk sends to.
    pub fn url(&self) -> String {
        webhook_url(&self.webhook, &self.course.name, self.side)
    }

    /// One activation: the webhook is there, its secret is known; or it is not wanted, and nobody listens.
    pub async fn activate(&self) -> Next {
        let witness = self.ledger.witness(self.course.id, self.side).await.unwrap_or_default();
        if witness.removed_at.is_some() {
            self.deafen();
            return Next::After(LOOK);
        }
        if self.holds(witness.asked_at) {
            return Next::After(LOOK);
        }
        let holds = self.look(&witness).await;
        let looked = Looked { at: Monotonic::now(), holds, asked_at: witness.asked_at };
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(looked);
        Next::After(LOOK.min(holds))
    }

    fn holds(&self, asked_at: Option<DateTime<Utc>>) -> bool {
        let looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.is_some_and(|looked| looked.asked_at == asked_at && looked.at.elapsed() < looked.holds)
    }

    /// Looks now. Returns how long that holds.
    async fn look(&self, witness: &Witness) -> Duration {
        let desk: Arc<dyn SourceDesk> = self.course.desk(self.side).clone();
        if desk.capabilities().webhooks != Webhooks::ByApi {
            self.listen(desk, self.configured(), None).await;
            return AGAIN;
        }
        match self.register(desk).await {
            Ok(()) if witness.last_rejection_at > witness.last_delivery_at => SOON,
            Ok(()) => AGAIN,
            Err(fault) => {
                warn!(mirror = self.course.name, side = self.side.as_str(), %fault, "the webhook is not registered; changes come by poll until it is");
                SOON
            }
        }
    }

    /// The secrets as their places hold them now; a file may have changed since the start.
    fn configured(&self) -> Vec<Secret> {
        webhook_secrets(&self.webhook).unwrap_or_else(|error| {
            warn!(mirror = self.course.name, %error, "the webhook's secret cannot be read again; the one of before is used");
            self.secrets.clone()
        })
    }

    fn deafen(&self) {
        let mut ears = self.ears.write().unwrap_or_else(PoisonError::into_inner);
        ears.remove(&(self.course.name.clone(), self.side));
        *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn register(&self, desk: Arc<dyn SourceDesk>) -> Result<(), Fault> {
        let registration = desk.register_webhook(&webhook_name(&self.course, self.side), &self.url()).await?;
        // During a rotation the former secret still signs deliveries that are on their way.
        let former = self.former().into_iter().find(|known| *known != registration.secret);
        let mut secrets = vec![registration.secret];
        secrets.extend(former);
        secrets.extend(self.configured());
        self.listen(desk, secrets, Some(registration.id.clone())).await;
        let noted = self.ledger.note_registration(self.course.id, self.side, &registration.id, self.clock.now()).await;
        if let Err(error) = noted {
            warn!(%error, "the registration could not be noted");
        }
        info!(
            mirror = self.course.name,
            side = self.side.as_str(),
            webhook = registration.id,
            "the webhook is registered and its secret known"
        );
        Ok(())
    }

    /// Also those of the mirror as it was before it was applied again.
    fn former(&self) -> Vec<Secret> {
        let ears = self.ears.read().unwrap_or_else(PoisonError::into_inner);
        ears.get(&(self.course.name.clone(), self.side)).map(|ear| ear.secrets.known()).unwrap_or_default()
    }

    async fn listen(&self, desk: Arc<dyn SourceDesk>, secrets: Vec<Secret>, webhook: Option<String>) {
        let newest = secrets.first().cloned();
        self.known.set(secrets, webhook);
        let ear = Ear {
            mirror: self.course.id,
            name: self.course.name.clone(),
            side: self.side,
            desk,
            secrets: self.known.clone(),
            tolerance: self.webhook.tolerance,
            others: Arc::downgrade(&self.ears),
            looked: Mutex::default(),
        };
        self.ears.write().unwrap_or_else(PoisonError::into_inner).insert((self.course.name.clone(), self.side), Arc::new(ear));
        let Some(newest) = newest else { return };
        let mark = mark(self.course.id, &newest);
        if let Err(error) = self.ledger.note_secret(self.course.id, self.side, &mark, self.clock.now()).await {
            warn!(%error, "it could not be noted since when the secret is known");
        }
    }
}

/// The address that a desk sends its webhooks to.
pub fn webhook_url(webhook: &Webhook, mirror: &str, side: Side) -> String {
    format!("{}/hooks/{mirror}/{}", webhook.public_url, side.as_str())
}

/// The name of our webhook at a desk, by which it is found again.
pub fn webhook_name(course: &Course, side: Side) -> String {
    format!("Tidegate {} {}", course.keys.0, side.as_str())
}

/// A short fingerprint of a secret, to see that it is another one.
fn mark(mirror: MirrorId, secret: &Secret) -> String {
    let digest = Sha256::new().chain_update(mirror.0.as_bytes()).chain_update(secret.expose().as_bytes()).finalize();
    hex::encode(&digest[..4])
}
