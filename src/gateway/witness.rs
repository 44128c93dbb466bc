//! The webhook of a desk: registered where the gateway can do it, its secret known, looked after.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use crate::clock::Clock;
use crate::config::mirror::Webhook;
use crate::connectors::contract::SourceDesk;
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::capability::Webhooks;
use crate::intake::receive::{Ear, Ears};
use crate::ledger::Ledger;
use crate::replay::course::Course;
use crate::secret::Secret;
use crate::task::Next;

/// How often a registration is looked at again: somebody may have removed it, or changed its secret.
const AGAIN: Duration = Duration::from_secs(300);
/// After a failure, and while deliveries are refused.
const SOON: Duration = Duration::from_secs(15);

/// Looks after one webhook.
pub struct Registrar {
    pub ledger: Ledger,
    pub clock: Clock,
    pub course: Arc<Course>,
    pub side: Side,
    pub webhook: Webhook,
    /// From the mirror file; empty where the desk tells its own.
    pub secrets: Vec<Secret>,
    pub ears: Ears,
}

impl Registrar {
    /// The address that the desk sends to.
    pub fn url(&self) -> String {
        format!("{}/hooks/{}/{}", self.webhook.public_url, self.course.name, self.side.as_str())
    }

    /// One activation: the webhook is there, its secret is known.
    pub async fn activate(&self) -> Next {
        let desk: Arc<dyn SourceDesk> = self.course.desk(self.side).clone();
        let by_api = desk.capabilities().webhooks == Webhooks::ByApi;
        if !by_api {
            self.listen(desk, self.secrets.clone());
            return Next::After(AGAIN);
        }
        match self.register(desk).await {
            Ok(()) => Next::After(if self.refusing().await { SOON } else { AGAIN }),
            Err(fault) => {
                warn!(mirror = self.course.name, side = self.side.as_str(), %fault, "the webhook is not registered; changes come by poll until it is");
                Next::After(SOON)
            }
        }
    }

    async fn register(&self, desk: Arc<dyn SourceDesk>) -> Result<(), Fault> {
        let name = format!("Tidegate {} {}", self.course.keys.0, self.side.as_str());
        let registration = desk.register_webhook(&name, &self.url()).await?;
        // During a rotation the former secret still signs deliveries that are on their way.
        let former = self.known().into_iter().find(|known| *known != registration.secret);
        let mut secrets = vec![registration.secret];
        secrets.extend(former);
        secrets.extend(self.secrets.clone());
        self.listen(desk, secrets);
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

    fn known(&self) -> Vec<Secret> {
        let ears = self.ears.read().unwrap_or_else(PoisonError::into_inner);
        ears.get(&(self.course.name.clone(), self.side)).map(|ear| ear.secrets.clone()).unwrap_or_default()
    }

    fn listen(&self, desk: Arc<dyn SourceDesk>, secrets: Vec<Secret>) {
        let ear = Ear {
            mirror: self.course.id,
            name: self.course.name.clone(),
            side: self.side,
            desk,
            secrets,
            tolerance: self.webhook.tolerance,
        };
        let mut ears = self.ears.write().unwrap_or_else(PoisonError::into_inner);
        ears.insert((self.course.name.clone(), self.side), Arc::new(ear));
    }

    async fn refusing(&self) -> bool {
        match self.ledger.witness(self.course.id, self.side).await {
            Ok(witness) => witness.last_rejection_at > witness.last_delivery_at,
            Err(_) => false,
        }
    }
}
