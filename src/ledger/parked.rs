//! Parked: what a person has to decide or to know.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::mirror::MirrorId;

use super::lane::Claim;
use super::settle::hold;
use super::{Ledger, Result};

/// Something to be parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Park<'a> {
    /// `unmapped`, `conflict`, `refused`, `exposed`, `closed`, …
    pub kind: &'a str,
    /// What happened, to which ticket.
    pub reason: &'a str,
    /// What to do.
    pub advice: &'a str,
    /// The lane stands still until it is decided or the ticket changes again.
    pub blocking: bool,
    pub urgent: bool,
}

/// A parked thing as a person sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parked {
    pub id: i64,
    pub kind: String,
    pub reason: String,
    pub advice: String,
    pub source_ticket: Option<String>,
    pub target_ticket: Option<String>,
    pub blocking: bool,
    pub urgent: bool,
    pub parked_at: DateTime<Utc>,
    pub events_waiting: i64,
}

impl Ledger {
    /// Parks a lane and gives it back, or notes something beside it. A blocked lane keeps receiving hints. What is parked again
    /// is parked with what this claim knew of: the change that let it be tried again was no cure, and must not let it be tried for
    /// ever. A hint that came after the claim may be one, although it came before this.
    pub async fn park(&self, claim: &Claim, park: &Park<'_>, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        hold(&mut transaction, claim).await?;
        sqlx::query(
            "insert into parked (tenant_id, mirror_id, pair_id, kind, reason, advice, blocking, urgent, parked_at, pending)
             select tenant_id, id, $2, $3, $4, $5, $6, $7, $8, $9 from mirror where id = $1
             on conflict (pair_id, kind) where decided_at is null and blocking do update
             set reason = excluded.reason, advice = excluded.advice, parked_at = excluded.parked_at, pending = excluded.pending",
        )
        .bind(claim.mirror.0)
        .bind(claim.pair.0)
        .bind(park.kind)
        .bind(park.reason)
        .bind(park.advice)
        .bind(park.blocking)
        .bind(park.urgent)
        .bind(now)
        .bind(claim.pending)
        .execute(&mut *transaction)
        .await?;
        if park.blocking {
            sqlx::query(
                "update lane set blocked = true, lease_owner = null, lease_until = null, attempts = 0, fault_kind = $2, fault = $3
                 where pair_id = $1",
            )
            .bind(claim.pair.0)
            .bind(park.kind)
            .bind(park.reason)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// What waits for a person, the urgent first.
    pub async fn parked(&self, mirror: Option<MirrorId>) -> Result<Vec<Parked>> {
        let rows = sqlx::query(
            "select k.id, k.kind, k.reason, k.advice, p.source_ticket, p.target_ticket, k.blocking, k.urgent, k.parked_at,
                    coalesce(l.pending - l.applied, 0) as events_waiting
             from parked k left join pair p on p.id = k.pair_id left join lane l on l.pair_id = k.pair_id
             where k.decided_at is null and ($1::uuid is null or k.mirror_id = $1)
             order by k.urgent desc, k.parked_at, k.id",
        )
        .bind(mirror.map(|mirror| mirror.0))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(read).collect())
    }

    /// Decides: `released` tries the lane again, `discarded` gives its waiting events up. `false`: no such open one.
    pub async fn decide_parked(&self, id: i64, release: bool, now: DateTime<Utc>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let decision = if release { "released" } else { "discarded" };
        let row = sqlx::query(
            "update parked set decided_at = $2, decision = $3 where id = $1 and decided_at is null returning pair_id, blocking",
        )
        .bind(id)
        .bind(now)
        .bind(decision)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(false) };
        if let (Some(pair), true) = (row.get::<Option<i64>, _>("pair_id"), row.get::<bool, _>("blocking")) {
            unblock(&mut transaction, pair, release, now).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Blocked lanes whose ticket changed after the claim that parked them are tried again: the change may be the cure.
    pub async fn retry_changed(&self, now: DateTime<Utc>) -> Result<u64> {
        let done = sqlx::query(
            "update lane l set blocked = false, due_at = $1
             where l.blocked and exists (
                 select 1 from parked k join change_event e on e.pair_id = k.pair_id
                 where k.pair_id = l.pair_id and k.decided_at is null and k.blocking and k.kind not in ('conflict', 'adopted')
                   and e.applied_at is null and e.seq > k.pending and e.origin <> 'backfill')",
        )
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }
}

async fn unblock(connection: &mut sqlx::PgConnection, pair: i64, release: bool, now: DateTime<Utc>) -> Result<()> {
    if !release {
        sqlx::query("update change_event set applied_at = $2 where pair_id = $1 and applied_at is null")
            .bind(pair)
            .bind(now)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(
        "update lane
         set blocked = false, due_at = $2, attempts = 0,
             applied = case when $3 then applied else pending end,
             look_again_at = case when $3 and pending = applied then $2 end
         where pair_id = $1",
    )
    .bind(pair)
    .bind(now)
    .bind(release)
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &PgRow) -> Parked {
    Parked {
        id: row.get("id"),
        kind: row.get("kind"),
        reason: row.get("reason"),
        advice: row.get("advice"),
        source_ticket: row.get("source_ticket"),
        target_ticket: row.get("target_ticket"),
        blocking: row.get("blocking"),
        urgent: row.get("urgent"),
        parked_at: row.get("parked_at"),
        events_waiting: row.get("events_waiting"),
    }
}
