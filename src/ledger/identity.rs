//! Which database this is. A ledger that was restored, or that a stand-by took over, may have forgotten what was written last.

use chrono::{DateTime, Utc};

use super::{Ledger, Result};

/// Added to all fences: a process that goes on from before the restore may hold any that the ledger could give again.
const FENCES: i64 = 1_000_000;

/// The cluster, the database and the table inside it, so that a dump put back is another one too; and the timeline, which
/// counts restores and fail-overs of one cluster.
const IDENTITY: &str = "select (select system_identifier from pg_control_system())::text
         || '/' || (select oid from pg_database where datname = current_database())::text
         || '/' || 'ledger_identity'::regclass::oid::text as system_id,
     ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int as timeline";

impl Ledger {
    /// Looks whether this is the database that was served before; the first time it is noted. If not, every mirror is recovered:
    /// its polls begin again an hour before the newest change that they saw, nobody holds a lane any more, and what is made from
    /// now on is looked up first. Returns whether that was begun now.
    pub async fn recognise(&self, now: DateTime<Utc>) -> Result<bool> {
        let sql = sqlx::AssertSqlSafe(format!(
            "with here as ({IDENTITY})
             select exists (select 1 from here h join ledger_identity i using (system_id, timeline))"
        ));
        if sqlx::query_scalar(sql).fetch_one(&self.pool).await? {
            return Ok(false);
        }
        let sql = sqlx::AssertSqlSafe(format!(
            "with here as ({IDENTITY})
             insert into ledger_identity (system_id, timeline, seen_at) select system_id, timeline, $1 from here
             on conflict (only_one) do nothing"
        ));
        sqlx::query(sql).bind(now).execute(&self.pool).await?;
        let mut transaction = self.pool.begin().await?;
        // Of two processes that see it, one finds it changed.
        let sql = sqlx::AssertSqlSafe(format!(
            "with here as ({IDENTITY})
             update ledger_identity i set system_id = h.system_id, timeline = h.timeline, seen_at = $1
             from here h
             where (i.system_id, i.timeline) is distinct from (h.system_id, h.timeline)"
        ));
        let changed = sqlx::query(sql).bind(now).execute(&mut *transaction).await?.rows_affected() == 1;
        if changed {
            recover(&mut transaction, now).await?;
        }
        transaction.commit().await?;
        Ok(changed)
    }

    /// Begins a recovery of every mirror, where the operator knows better: a copy of the data directory put back shows nothing.
    pub async fn recover(&self, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        recover(&mut transaction, now).await?;
        transaction.commit().await?;
        Ok(())
    }
}

async fn recover(connection: &mut sqlx::PgConnection, now: DateTime<Utc>) -> Result<()> {
    sqlx::query("update watermark set rewind_to = seen_up_to - interval '1 hour'").execute(&mut *connection).await?;
    sqlx::query("update mirror set recovered_at = $1").bind(now).execute(&mut *connection).await?;
    // Whoever held a lane may still write: the lane rests as after any lease.
    sqlx::query("update lane set fence = fence + $1, lease_owner = null, lease_until = $2")
        .bind(FENCES)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}
