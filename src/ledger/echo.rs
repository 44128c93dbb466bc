//! The echo meter: how often one ticket is written to. Something at a desk that answers each of our writes would be answered for ever.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;

use crate::clock::delta;
use crate::desk::policy::EchoLimit;

use super::lane::Claim;
use super::{Error, Ledger, Result};

impl Ledger {
    /// Counts a visit of a worker that writes, and halts the mirror when there were more to this ticket than the limit allows. Returns
    /// whether it may write. Errors: `Fenced`.
    pub async fn may_write(&self, claim: &Claim, limit: &EchoLimit, now: DateTime<Utc>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let visits: Option<i32> = sqlx::query_scalar(
            "update lane
             set visits = case when visits_since > $3 then visits + 1 else 1 end,
                 visits_since = case when visits_since > $3 then visits_since else $4 end
             where pair_id = $1 and fence = $2
             returning visits",
        )
        .bind(claim.pair.0)
        .bind(claim.fence)
        .bind(now - delta(limit.within))
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        let visits = visits.ok_or(Error::Fenced)?;
        let allowed = u32::try_from(visits).unwrap_or(u32::MAX) <= limit.count;
        if !allowed {
            // Whoever resumes the mirror has looked: the count begins again.
            let row = sqlx::query(
                "update lane l set visits = 0, visits_since = null from pair p
                 where l.pair_id = $1 and p.id = l.pair_id
                 returning coalesce(p.source_ticket, '(none)') as old, coalesce(p.target_ticket, '(none)') as new",
            )
            .bind(claim.pair.0)
            .fetch_one(&mut *transaction)
            .await?;
            let (old, new): (String, String) = (row.get("old"), row.get("new"));
            sqlx::query("update mirror set paused_why = $2 where id = $1 and paused_why is null")
                .bind(claim.mirror.0)
                .bind(format!(
                    "old ticket {old} and new ticket {new} were written to {visits} times within {}: something at a desk seems to answer \
                     each of our writes. Look at what its rules and other programs do to this ticket; if people really work so fast, raise \
                     `echo-limit` in the mirror file and apply it; then resume the mirror",
                    spelled(limit.within)
                ))
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(allowed)
    }
}

fn spelled(length: Duration) -> String {
    match length.as_secs() {
        seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    }
}
