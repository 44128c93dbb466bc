//! The end of a mirror: when the old desk was last heard of, and the phase in which nothing is done any more.

use chrono::{DateTime, Utc};
use sqlx::Row;

use crate::desk::Side;
use crate::mirror::{MirrorId, Phase};

use super::switch::Run;
use super::{Ledger, Result};

/// The last message that somebody wrote at a desk and that was carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWord {
    /// The old desk's number.
    pub ticket: String,
    /// When we carried it.
    pub at: DateTime<Utc>,
}

impl Ledger {
    /// The last message that came from a desk. Our own writes there, and what its rules make of them, are no traffic.
    pub async fn last_word(&self, mirror: MirrorId, side: Side) -> Result<Option<LastWord>> {
        let row = sqlx::query(
            "select coalesce(p.source_ticket, p.target_ticket) as ticket, k.made_at
             from message_link k join pair p on p.id = k.pair_id
             where k.mirror_id = $1 and k.origin_side = $2
             order by k.made_at desc
             limit 1",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| LastWord { ticket: row.get("ticket"), at: row.get("made_at") }))
    }

    /// Ends the mirror with the run that asked for it: it is not served any more.
    pub async fn retire(&self, mirror: MirrorId, run: &Run, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("update mirror set phase = $2, retired_at = $3 where id = $1")
            .bind(mirror.0)
            .bind(Phase::Retired.as_str())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("update switch set ended_at = $2, outcome = 'done' where id = $1")
            .bind(run.id)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}
