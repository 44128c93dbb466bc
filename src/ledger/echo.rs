//! The echo meter: how often one ticket is written to, and how many new tickets are answered with new ones. Something at a desk that answers
//! each of our writes would be answered for ever.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};

use crate::clock::delta;
use crate::desk::policy::Limit;
use crate::mirror::MirrorId;

use super::lane::Claim;
use super::mirror::halt;
use super::{Error, Ledger, Result};

const DAY: Duration = Duration::from_secs(86_400);
/// Within a day so many times as many visits are allowed as within the limit's own time: what answers slowly is found too.
const IN_A_DAY: u32 = 5;

impl Ledger {
    /// Counts a visit of a worker that writes, and halts the mirror when there were more to this ticket than the limit allows. Returns
    /// whether it may write. Errors: `Fenced`.
    pub async fn may_write(&self, claim: &Claim, limit: &Limit, now: DateTime<Utc>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query(
            "update lane
             set visits = case when visits_since > $3 then visits + 1 else 1 end,
                 visits_since = case when visits_since > $3 then visits_since else $5 end,
                 day_visits = case when day_since > $4 then day_visits + 1 else 1 end,
                 day_since = case when day_since > $4 then day_since else $5 end
             where pair_id = $1 and fence = $2
             returning visits, day_visits",
        )
        .bind(claim.pair.0)
        .bind(claim.fence)
        .bind(now - delta(limit.within))
        .bind(now - delta(DAY))
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or(Error::Fenced)?;
        let counted = [("visits", limit.count, limit.within), ("day_visits", limit.count.saturating_mul(IN_A_DAY), DAY)];
        let over = counted.into_iter().find(|(column, most, _)| i64::from(row.get::<i32, _>(*column)) > i64::from(*most));
        if let Some((column, _, within)) = over {
            halt_at(&mut transaction, claim, row.get(column), within).await?;
        }
        transaction.commit().await?;
        Ok(over.is_none())
    }

    /// Counts a ticket that is made for a new one of the other desk, and halts the mirror when there were more than the limit allows.
    /// Returns whether it may be made.
    pub async fn may_bear(&self, mirror: MirrorId, limit: &Limit, now: DateTime<Utc>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let births: i32 = sqlx::query_scalar(
            "update mirror
             set births = case when births_counted_since > $2 then births + 1 else 1 end,
                 births_counted_since = case when births_counted_since > $2 then births_counted_since else $3 end
             where id = $1
             returning births",
        )
        .bind(mirror.0)
        .bind(now - delta(limit.within))
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        let allowed = i64::from(births) <= i64::from(limit.count);
        if !allowed {
            sqlx::query("update mirror set births = 0, births_counted_since = null where id = $1")
                .bind(mirror.0)
                .execute(&mut *transaction)
                .await?;
            let why = format!(
                "{births} tickets were made at the desks within {}, and at the other one by us: something seems to make a ticket for each of \
                 ours, another program that copies tickets for instance. Look at the newest tickets of both desks; if people really write \
                 so many, raise `birth-limit` in the mirror file and apply it; then resume the mirror",
                spelled(limit.within)
            );
            halt(&mut transaction, mirror, &why).await?;
        }
        transaction.commit().await?;
        Ok(allowed)
    }
}

/// Whoever resumes the mirror has looked: the count begins again.
async fn halt_at(connection: &mut PgConnection, claim: &Claim, visits: i32, within: Duration) -> Result<()> {
    let row = sqlx::query(
        "update lane l set visits = 0, visits_since = null, day_visits = 0, day_since = null from pair p
         where l.pair_id = $1 and p.id = l.pair_id
         returning coalesce(p.source_ticket, '(none)') as old, coalesce(p.target_ticket, '(none)') as new",
    )
    .bind(claim.pair.0)
    .fetch_one(&mut *connection)
    .await?;
    let (old, new): (String, String) = (row.get("old"), row.get("new"));
    let why = format!(
        "old ticket {old} and new ticket {new} were written to {visits} times within {}: something at a desk seems to answer each of our \
         writes. Look at what its rules and other programs do to this ticket; if people really work so fast, raise `echo-limit` in the \
         mirror file and apply it; then resume the mirror",
        spelled(within)
    );
    halt(connection, claim.mirror, &why).await
}

fn spelled(length: Duration) -> String {
    match length.as_secs() {
        seconds if seconds % 3_600 == 0 && seconds > 3_600 => format!("{} hours", seconds / 3_600),
        seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    }
}
