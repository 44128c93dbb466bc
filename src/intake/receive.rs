//! Webhooks: proved, read, kept; answered after the commit.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::clock::{Clock, Monotonic};
use crate::connectors::contract::SourceDesk;
use crate::connectors::delivery::{Delivery, Rejection, Scheme, Verified};
use crate::desk::Side;
use crate::ledger::Ledger;
use crate::ledger::delivery::{Kept, NewDelivery};
use crate::mirror::MirrorId;

use super::diagnose::{Suspects, diagnose};
use super::secrets::{Asked, Secrets};
use super::writer::{NotKept, Writer};

/// A refusal is looked into at most so often.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// One desk's webhook, of one mirror.
pub struct Ear {
    pub mirror: MirrorId,
    pub name: String,
    pub side: Side,
    pub desk: Arc<dyn SourceDesk>,
    pub secrets: Arc<Secrets>,
    pub tolerance: Duration,
    /// The ears of other mirrors, whose secrets a delivery may be signed with by mistake.
    pub others: Weak<EarsByName>,
    /// When a refusal was looked into last.
    pub looked: Mutex<Option<Monotonic>>,
}

/// Ears by mirror name and side.
pub type EarsByName = RwLock<BTreeMap<(String, Side), Arc<Ear>>>;

/// All ears of this process.
pub type Ears = Arc<EarsByName>;

/// What the sender is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// A line that an admin understands.
    pub line: String,
    /// Ask again later.
    pub retry_after: Option<Duration>,
}

impl Answer {
    fn new(status: u16, line: impl Into<String>) -> Self {
        Self { status, line: line.into(), retry_after: None }
    }
}

/// Takes a delivery in. After a 2xx its row is committed.
pub async fn receive(ear: &Ear, delivery: Delivery, writer: &Writer, ledger: &Ledger, clock: &Clock) -> Answer {
    let Some(scheme) = ear.desk.scheme() else {
        return Answer::new(404, "this desk has no webhooks; it is polled");
    };
    let now = clock.now();
    let verified = match prove(ear, scheme, &delivery, now).await {
        Ok(verified) => verified,
        Err(refused) => return reject(ear, scheme, refused, ledger, clock).await,
    };
    ear.secrets.proved(verified.proved_by(), now);
    let reading = ear.desk.hints(&verified);
    if let Err(why) = &reading {
        warn!(mirror = ear.name, side = ear.side.as_str(), why, "a genuine delivery cannot be read; it is kept and parked");
    }
    let new = NewDelivery {
        mirror: ear.mirror,
        side: ear.side,
        dedupe: ear.desk.delivery_id(&verified).unwrap_or_else(|| digest(verified.body())),
        received_at: now,
        headers: kept_headers(&verified),
        body: verified.body().to_vec(),
        by_former: verified.proved_by() > 0,
        reading,
    };
    answer(scheme, writer.keep(new).await)
}

impl Ear {
    /// Finds out more about a signature that does not match. Not for each of many: anybody can send them.
    fn look_into(&self, scheme: &Scheme, delivery: &Delivery) -> Rejection {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Rejection::Forged;
        }
        *looked = Some(Monotonic::now());
        drop(looked);
        let others = self.others.upgrade();
        let others = others
            .iter()
            .flat_map(|ears| ears.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect::<Vec<_>>());
        let others = others.filter(|other| other.mirror != self.mirror).map(|other| (other.name.clone(), other.secrets.known()));
        let suspects = Suspects { known: self.secrets.known(), retired: self.secrets.retired(), others: others.collect() };
        diagnose(scheme, delivery, &suspects)
    }
}

/// A delivery that did not prove itself.
struct Refused {
    why: Rejection,
    /// The desk may have another secret than we know, and cannot be asked now.
    in_doubt: bool,
}

/// A signature that matches nothing is looked at once more if the desk has another secret now.
async fn prove(ear: &Ear, scheme: &Scheme, delivery: &Delivery, now: DateTime<Utc>) -> Result<Verified, Refused> {
    ear.secrets.retire(now);
    let known = ear.secrets.known();
    let sure = |why| Refused { why, in_doubt: false };
    match scheme.check(delivery.clone(), &known, now, ear.tolerance) {
        Err(Rejection::Forged) => match ear.secrets.ask(ear.desk.as_ref(), &known).await {
            Asked::Changed => {
                let checked = scheme.check(delivery.clone(), &ear.secrets.known(), now, ear.tolerance);
                checked.map_err(|why| sure(if why == Rejection::Forged { ear.look_into(scheme, delivery) } else { why }))
            }
            Asked::Same => Err(sure(ear.look_into(scheme, delivery))),
            Asked::NotNow => match ear.look_into(scheme, delivery) {
                Rejection::Forged => Err(Refused { why: Rejection::Forged, in_doubt: true }),
                why => Err(sure(why)),
            },
        },
        checked => checked.map_err(sure),
    }
}

async fn reject(ear: &Ear, scheme: &Scheme, refused: Refused, ledger: &Ledger, clock: &Clock) -> Answer {
    let line = refused.why.to_string();
    info!(mirror = ear.name, side = ear.side.as_str(), why = line, "a delivery was refused");
    if let Err(error) = ledger.note_rejection(ear.mirror, ear.side, (refused.why.kind(), &line), clock.now()).await {
        warn!(%error, "a refusal could not be noted");
    }
    match refused.in_doubt {
        false => Answer::new(401, line),
        true => {
            come_back(scheme, "the signature does not match what we know, and the desk cannot be asked just now: send it again")
        }
    }
}

fn come_back(scheme: &Scheme, line: &str) -> Answer {
    Answer { retry_after: Some(Duration::from_secs(5)), ..Answer::new(scheme.busy_status, line) }
}

fn answer(scheme: &Scheme, kept: Result<Kept, NotKept>) -> Answer {
    match kept {
        Ok(Kept::New) => Answer::new(200, "kept"),
        Ok(Kept::Again) => Answer::new(200, "kept before"),
        Err(NotKept::Full) => come_back(scheme, "too much is waiting to be kept: send it again"),
        Err(NotKept::Away) => come_back(scheme, "the ledger is away: nothing was kept; send it again"),
        Err(NotKept::Refused) => Answer::new(422, "the database refuses this delivery; the poll will find the change"),
    }
}

fn digest(body: &Bytes) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(body)))
}

/// Headers that help to understand a delivery later; signatures and anything that could be a credential are left out.
fn kept_headers(verified: &Verified) -> Vec<(String, String)> {
    let secret = |name: &str| name.contains("signature") || name.contains("authorization") || name.contains("cookie");
    verified.delivery().headers.iter().filter(|(name, _)| !secret(name)).cloned().collect()
}
