//! Webhooks: proved, read, kept; answered after the commit.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::clock::Clock;
use crate::connectors::contract::SourceDesk;
use crate::connectors::delivery::{Delivery, Rejection, Scheme, Verified};
use crate::desk::Side;
use crate::ledger::Ledger;
use crate::ledger::delivery::{Kept, NewDelivery};
use crate::mirror::MirrorId;
use crate::secret::Secret;

use super::writer::{NotKept, Writer};

/// One desk's webhook, of one mirror.
pub struct Ear {
    pub mirror: MirrorId,
    pub name: String,
    pub side: Side,
    pub desk: Arc<dyn SourceDesk>,
    /// The newest first; two during a rotation. Empty until the desk told its secret.
    pub secrets: Vec<Secret>,
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
    let verified = match scheme.check(delivery, &ear.secrets, now, ear.tolerance) {
        Ok(verified) => verified,
        Err(rejection) => return reject(ear, rejection, ledger, clock).await,
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

async fn reject(ear: &Ear, rejection: Rejection, ledger: &Ledger, clock: &Clock) -> Answer {
    let line = rejection.to_string();
    info!(mirror = ear.name, side = ear.side.as_str(), why = line, "a delivery was refused");
    if let Err(error) = ledger.note_rejection(ear.mirror, ear.side, &line, clock.now()).await {
        warn!(%error, "a refusal could not be noted");
    }
    Answer::new(401, line)
}

fn answer(scheme: &Scheme, kept: Result<Kept, NotKept>) -> Answer {
    match kept {
        Ok(Kept::New) => Answer::new(200, "kept"),
        Ok(Kept::Again) => Answer::new(200, "kept before"),
        Err(NotKept::Full) => {
            let line = "too much is waiting to be kept: send it again";
            Answer { retry_after: Some(Duration::from_secs(5)), ..Answer::new(scheme.busy_status, line) }
        }
        Err(NotKept::Away) => {
            let line = "the ledger is away: nothing was kept; send it again";
            Answer { retry_after: Some(Duration::from_secs(5)), ..Answer::new(scheme.busy_status, line) }
        }
        Err(NotKept::Refused) => Answer::new(422, "the database refuses this delivery; the poll will find the change"),
    }
}

fn digest(body: &Bytes) -> String {
    let hash = Sha256::digest(body);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Headers that help to understand a delivery later; signatures and anything that could be a credential are left out.
fn kept_headers(verified: &Verified) -> Vec<(String, String)> {
    let secret = |name: &str| name.contains("signature") || name.contains("authorization") || name.contains("cookie");
    verified.delivery().headers.iter().filter(|(name, _)| !secret(name)).cloned().collect()
}
