//! Webhooks: proved, read, kept; answered after the commit.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::clock::Clock;
use crate::connectors::contract::SourceDesk;
use crate::connectors::delivery::{Delivery, Rejection, Scheme, Verified};
use crate::desk::Side;
use crate::ledger::Ledger;
use crate::ledger::delivery::{Kept, NewDelivery};
use crate::mirror::MirrorId;

use super::secrets::{Asked, Secrets};
use super::writer::{NotKept, Writer};

/// One desk's webhook, of one mirror.
pub struct Ear {
    pub mirror: MirrorId,
    pub name: String,
    pub side: Side,
    pub desk: Arc<dyn SourceDesk>,
    pub secrets: Arc<Secrets>,
    pub tolerance: Duration,
}

/// All ears of this process, by mirror name and side.
pub type Ears = Arc<RwLock<BTreeMap<(String, Side), Arc<Ear>>>>;

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
        reading,
    };
    answer(scheme, writer.keep(new).await)
}

/// A delivery that did not prove itself.
struct Refused {
    why: Rejection,
    /// The desk may have another secret than we know, and cannot be asked now.
    in_doubt: bool,
}

/// A signature that matches nothing is looked at once more if the desk has another secret now.
async fn prove(ear: &Ear, scheme: &Scheme, delivery: &Delivery, now: DateTime<Utc>) -> Result<Verified, Refused> {
    let known = ear.secrets.known();
    let sure = |why| Refused { why, in_doubt: false };
    match scheme.check(delivery.clone(), &known, now, ear.tolerance) {
        Err(Rejection::Forged) => match ear.secrets.ask(ear.desk.as_ref(), &known).await {
            Asked::Changed => scheme.check(delivery.clone(), &ear.secrets.known(), now, ear.tolerance).map_err(sure),
            Asked::Same => Err(sure(Rejection::Forged)),
            Asked::NotNow => Err(Refused { why: Rejection::Forged, in_doubt: true }),
        },
        checked => checked.map_err(sure),
    }
}

async fn reject(ear: &Ear, scheme: &Scheme, refused: Refused, ledger: &Ledger, clock: &Clock) -> Answer {
    let line = refused.why.to_string();
    info!(mirror = ear.name, side = ear.side.as_str(), why = line, "a delivery was refused");
    if let Err(error) = ledger.note_rejection(ear.mirror, ear.side, &line, clock.now()).await {
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
