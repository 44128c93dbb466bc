//! The self-test of a webhook: the desk is asked for a test delivery, and the ledger says what came of it. A desk that cannot be asked
//! is judged by what its poll saw.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tracing::{error, info, warn};

use crate::clock::{Clock, Monotonic, delta};
use crate::connectors::contract::SourceDesk;
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::ledger::feed::Witness;
use crate::ledger::webhook::Verdict;
use crate::ledger::{self, Ledger};
use crate::mirror::MirrorId;
use crate::task::{self, Next};

/// How often a served webhook is tested.
pub const EVERY: Duration = Duration::from_secs(3600);
/// A start is followed by so much peace, and a webhook that is not registered is waited for.
pub const SOON: Duration = Duration::from_secs(60);
/// A desk has so long to send its test: Zendesk itself waits twelve seconds for an answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// After a test that failed.
const RETRY: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);
/// So many changes that only the poll saw are silence.
const SILENCE: i64 = 3;

/// Tests one webhook.
pub struct SelfTest {
    pub ledger: Ledger,
    pub clock: Clock,
    pub mirror: MirrorId,
    pub name: String,
    pub side: Side,
    pub desk: Arc<dyn SourceDesk>,
    /// The address that the desk sends to.
    pub url: String,
}

/// What a test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub verdict: Verdict,
    /// A sentence for the operator.
    pub why: String,
}

fn finding(verdict: Verdict, why: impl Into<String>) -> Finding {
    Finding { verdict, why: why.into() }
}

impl SelfTest {
    /// One activation: a test that is due, unless the webhook was taken away.
    pub async fn activate(&self) -> Next {
        let now = self.clock.now();
        let witness = match self.ledger.witness(self.mirror, self.side).await {
            Ok(witness) => witness,
            Err(error) => {
                warn!(%error, "it is not known whether the webhook has to be tested");
                return Next::After(SOON);
            }
        };
        let ready = witness.secret_since.is_some() && witness.removed_at.is_none();
        let every = if witness.verdict.as_deref().is_some_and(Verdict::is_alarm) { RETRY } else { EVERY };
        let left = witness.tested_at.and_then(|at| (at + delta(every) - now).to_std().ok());
        match left {
            _ if !ready => return Next::After(SOON),
            // A failed test may be repeated by the operator meanwhile.
            Some(left) if !left.is_zero() => return Next::After(left.min(RETRY)),
            _ => {}
        }
        match self.run().await {
            Ok(found) => self.tell(&found, witness.verdict.as_deref()),
            Err(error) => warn!(mirror = self.name, side = self.side.as_str(), %error, "the webhook could not be tested"),
        }
        Next::After(RETRY)
    }

    /// Tests, and keeps what was found.
    pub async fn run(&self) -> ledger::Result<Finding> {
        let before = self.ledger.witness(self.mirror, self.side).await?;
        let found = match &before.registration {
            Some(id) => match self.desk.test_webhook(id, &self.url).await {
                Ok(true) => self.await_test(&before).await?,
                Ok(false) => self.look_back(&before).await?,
                Err(fault) => not_asked(&fault),
            },
            None => self.look_back(&before).await?,
        };
        self.ledger.note_test(self.mirror, self.side, (found.verdict, &found.why), self.clock.now()).await?;
        Ok(found)
    }

    /// What became of the delivery that the desk was asked for.
    async fn await_test(&self, before: &Witness) -> ledger::Result<Finding> {
        let asked = Monotonic::now();
        loop {
            let now = self.ledger.witness(self.mirror, self.side).await?;
            if now.last_delivery_at > before.last_delivery_at {
                return Ok(finding(
                    Verdict::Proven,
                    "a delivery that the desk was asked for, or another, arrived and proved itself",
                ));
            }
            if now.last_rejection_at > before.last_rejection_at {
                return Ok(refused(&now));
            }
            if asked.elapsed() >= PATIENCE {
                let why = format!(
                    "the desk was asked to send a test to {}, and nothing arrived within {} s: the desk cannot reach the gateway there",
                    self.url,
                    PATIENCE.as_secs()
                );
                return Ok(finding(Verdict::Unreachable, why));
            }
            task::delay(LOOK).await;
        }
    }

    /// A desk that cannot be asked: the last delivery against what the poll saw.
    async fn look_back(&self, witness: &Witness) -> ledger::Result<Finding> {
        if witness.last_rejection_at > witness.last_delivery_at {
            return Ok(refused(witness));
        }
        let missed = self.ledger.webhook_missed(self.mirror, self.side).await?;
        let since = witness.last_delivery_at.map_or_else(|| "ever".to_string(), |at| format!("since {}", seconds(at)));
        if missed >= SILENCE {
            let why = format!("the poll saw {missed} changes that the webhook did not tell; nothing was delivered {since}");
            return Ok(finding(Verdict::Silent, why));
        }
        match witness.last_delivery_at {
            Some(at) if witness.secret_since.is_none_or(|since| at >= since) => Ok(finding(
                Verdict::Proven,
                format!("the last genuine delivery arrived {}, and the poll saw nothing that was not told", seconds(at)),
            )),
            _ => {
                let why =
                    format!("nothing was delivered {since}, and the poll saw nothing that should have been: nothing is known");
                Ok(finding(Verdict::Quiet, why))
            }
        }
    }

    fn tell(&self, found: &Finding, before: Option<&str>) {
        let (mirror, side, why) = (&self.name, self.side.as_str(), &found.why);
        let (was, is) = (before.is_some_and(Verdict::is_alarm), Verdict::is_alarm(found.verdict.as_str()));
        match (was, is) {
            (_, true) => error!(mirror, side, why, "the webhook's self-test failed"),
            (true, false) => info!(mirror, side, why, "the webhook's self-test is well again"),
            (false, false) => {}
        }
    }
}

fn refused(witness: &Witness) -> Finding {
    finding(Verdict::Refused, witness.last_rejection.clone().unwrap_or_default())
}

fn not_asked(fault: &Fault) -> Finding {
    finding(Verdict::Unreachable, format!("the desk could not be asked for a test: {fault}"))
}

fn seconds(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
