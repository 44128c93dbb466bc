//! Retention: payloads that became too old, and everything of mirrors whose time is over, are destroyed while the gateway runs.

use std::time::Duration;

use tracing::{info, warn};

use crate::clock::{Clock, delta};
use crate::config::duration;
use crate::config::mirror::{MirrorConfig, Retention};
use crate::ledger::mirror::MirrorRow;
use crate::ledger::{self, Ledger};
use crate::task::Next;

/// Rows that one commit destroys at most.
pub const BATCH: i64 = 2_000;
/// How often it is looked what became too old.
const EVERY: Duration = Duration::from_secs(60);
/// So long after a purge it is looked whether a gateway that had not heard of it left something behind.
const AFTERMATH: Duration = Duration::from_secs(3_600);

/// Destroys what is not to be kept, for every mirror.
pub struct Keeper {
    pub ledger: Ledger,
    pub clock: Clock,
}

impl Keeper {
    /// One activation: a batch of every mirror.
    pub async fn activate(&self) -> Next {
        match self.batch().await {
            Ok(true) => Next::Again,
            Ok(false) => Next::After(EVERY),
            Err(error) => {
                warn!(%error, "what became too old could not be destroyed; it is tried again");
                Next::After(EVERY)
            }
        }
    }

    /// Whether there may be more to destroy.
    async fn batch(&self) -> ledger::Result<bool> {
        let mut more = false;
        for row in self.ledger.mirrors().await? {
            more |= self.of(&row).await?;
        }
        Ok(more)
    }

    async fn of(&self, row: &MirrorRow) -> ledger::Result<bool> {
        let now = self.clock.now();
        let keeping = self.ledger.keeping(row.id).await?;
        if let Some(purge) = &keeping.purge {
            let over = purge.done_at.is_some_and(|at| at + delta(AFTERMATH) < now);
            return Ok(!over && !self.ledger.destroy(row.id, BATCH, now).await?);
        }
        let limits = limits(row);
        if keeping.until(delta(limits.after_retirement)).is_some_and(|until| until <= now) {
            let more: i32 = keeping.extensions.iter().map(|one| one.days).sum();
            let extended = if more > 0 { format!(" and {more} days more") } else { String::new() };
            let rule = format!("{}{extended} after the retirement", duration::write(limits.after_retirement));
            info!(mirror = row.name, rule, "what is known of the mirror is destroyed; the numbers of its tickets stay");
            self.ledger.order_purge(row.id, &rule, None, now).await?;
            return Ok(true);
        }
        let destroyed = self.ledger.destroy_payloads(row.id, now - delta(limits.payloads), BATCH).await?;
        Ok(destroyed == BATCH)
    }
}

/// What the mirror file says; the usual where it cannot be read.
pub fn limits(row: &MirrorRow) -> Retention {
    MirrorConfig::stored(&row.name, row.config.clone()).map(|config| config.retention).unwrap_or_default()
}
