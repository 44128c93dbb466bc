//! Lanes: claiming work, giving it back. A claim is a lease with a fencing token, never a transaction held open.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use crate::change::Origin;
use crate::clock::delta;
use crate::mirror::{MirrorId, PairId};

use super::event::priority_of;
use super::sample::carried;
use super::{Error, Ledger, Result};

/// A lease on a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub mirror: MirrorId,
    pub pair: PairId,
    /// `pending` as it was at the claim, before the first fetch: what `applied` becomes at the settlement.
    pub pending: i64,
    /// How many events are settled by one hydration.
    pub events: i64,
    pub fence: i64,
    pub attempts: i32,
    pub backfill: bool,
    /// Only the sweep asked for it.
    pub sweep: bool,
}

/// Who claims, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Claimant {
    pub worker: Uuid,
    pub lease: Duration,
    /// After a lease ran out the lane rests so long: a write of the former holder may still be on its way.
    pub grace: Duration,
    /// Lanes of this mirror and no other; `None`: of all.
    pub only: Option<MirrorId>,
}

impl Ledger {
    /// Takes up to `most` lanes that are due, the most urgent first. A second look that has come is counted as a hint, so that it
    /// is not forgotten where the process ends before the settlement.
    pub async fn claim(&self, claimant: Claimant, most: i64, now: DateTime<Utc>) -> Result<Vec<Claim>> {
        let rows = sqlx::query(concat!(
            "with due as (
                 select l.pair_id, l.pending - l.applied as events, coalesce(l.look_again_at <= $1, false) as looks_again
                 from lane l join mirror m on m.id = l.mirror_id
                 where m.paused_why is null
                   and not exists (select 1 from blind b where b.mirror_id = m.id)
                   and not l.blocked
                   and ",
            carried!(),
            "
                   and ((l.pending > l.applied and l.due_at <= $1) or l.look_again_at <= $1)
                   and (l.lease_until is null or l.lease_until <= $2)
                   and ($6::uuid is null or l.mirror_id = $6)
                 order by l.priority, l.due_at
                 limit $3
                 for update of l skip locked
             )
             update lane l
             set lease_owner = $4, lease_until = $5, fence = l.fence + 1,
                 pending = l.pending + due.looks_again::int,
                 look_again_at = case when not due.looks_again then l.look_again_at end
             from due
             where l.pair_id = due.pair_id
             returning l.mirror_id, l.pair_id, l.pending, due.events, l.fence, l.attempts, l.priority"
        ))
        .bind(now)
        .bind(now - delta(claimant.grace))
        .bind(most)
        .bind(claimant.worker)
        .bind(now + delta(claimant.lease))
        .bind(claimant.only.map(|mirror| mirror.0))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(|row| read_claim(row, row.get("priority"))).collect())
    }

    /// Prolongs a lease. Errors: `Fenced` when the lane was given to someone else.
    pub async fn renew(&self, claim: &Claim, until: DateTime<Utc>) -> Result<()> {
        let done = sqlx::query("update lane set lease_until = $3 where pair_id = $1 and fence = $2")
            .bind(claim.pair.0)
            .bind(claim.fence)
            .bind(until)
            .execute(&self.pool)
            .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(Error::Fenced) }
    }

    /// How often in a row the lane failed without a write in between. Errors: `Fenced`.
    pub async fn attempts(&self, claim: &Claim) -> Result<i32> {
        let attempts = sqlx::query_scalar("select attempts from lane where pair_id = $1 and fence = $2")
            .bind(claim.pair.0)
            .bind(claim.fence)
            .fetch_optional(&self.pool)
            .await?;
        attempts.ok_or(Error::Fenced)
    }

    /// Gives a lane back to be tried again at `due_at`, with what went wrong. Errors: `Fenced`.
    pub async fn put_off(&self, claim: &Claim, due_at: DateTime<Utc>, fault: (&str, &str)) -> Result<()> {
        let done = sqlx::query(
            "update lane
             set lease_owner = null, lease_until = null, due_at = $3, attempts = attempts + 1, fault_kind = $4, fault = $5
             where pair_id = $1 and fence = $2",
        )
        .bind(claim.pair.0)
        .bind(claim.fence)
        .bind(due_at)
        .bind(fault.0)
        .bind(fault.1)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(Error::Fenced) }
    }

    /// When the next lane falls due, if one waits.
    pub async fn next_due(&self) -> Result<Option<DateTime<Utc>>> {
        let next = sqlx::query_scalar(concat!(
            "select min(greatest(
                 case when l.pending > l.applied then least(l.due_at, coalesce(l.look_again_at, l.due_at)) else l.look_again_at end,
                 coalesce(l.lease_until, '-infinity')))
             from lane l join mirror m on m.id = l.mirror_id
             where m.paused_why is null and not exists (select 1 from blind b where b.mirror_id = m.id)
               and not l.blocked and (l.pending > l.applied or l.look_again_at is not null) and ",
            carried!()
        ))
        .fetch_one(&self.pool)
        .await?;
        Ok(next)
    }

    /// Lanes with work or a second look waiting; blocked ones and those that rest while a sample is rehearsed are left out.
    pub async fn lanes_waiting(&self, mirror: MirrorId) -> Result<i64> {
        let count = sqlx::query_scalar(concat!(
            "select count(*) from lane l join mirror m on m.id = l.mirror_id
             where l.mirror_id = $1 and not l.blocked and (l.pending > l.applied or l.look_again_at is not null) and ",
            carried!()
        ))
        .bind(mirror.0)
        .fetch_one(&self.pool)
        .await?;
        Ok(count)
    }

    /// Takes this very lane, whether or not it has work or its mirror is paused: for what a person ordered. `None`: another worker has
    /// it, or had it so short a time ago that a write of its may still be on its way.
    pub async fn claim_pair(&self, pair: PairId, claimant: Claimant, now: DateTime<Utc>) -> Result<Option<Claim>> {
        let row = sqlx::query(
            "update lane l
             set lease_owner = $4, lease_until = $5, fence = l.fence + 1
             where l.pair_id = $1 and (l.lease_until is null or l.lease_until <= $2 or l.lease_owner = $4 and l.lease_until <= $3)
             returning l.mirror_id, l.pair_id, l.pending, l.pending - l.applied as events, l.fence, l.attempts",
        )
        .bind(pair.0)
        .bind(now - delta(claimant.grace))
        .bind(now)
        .bind(claimant.worker)
        .bind(now + delta(claimant.lease))
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.as_ref().map(|row| read_claim(row, priority_of(Origin::Backfill))))
    }

    /// Gives a lane back as it was. Somebody else's is left alone.
    pub async fn let_go(&self, claim: &Claim) -> Result<()> {
        sqlx::query("update lane set lease_owner = null, lease_until = null where pair_id = $1 and fence = $2")
            .bind(claim.pair.0)
            .bind(claim.fence)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// How many tickets of a mirror are being worked on, or were until so short a time ago that a write may still be on its way.
    pub async fn lanes_held(&self, mirror: MirrorId, grace: Duration, now: DateTime<Utc>) -> Result<i64> {
        let count = sqlx::query_scalar("select count(*) from lane where mirror_id = $1 and lease_until > $2")
            .bind(mirror.0)
            .bind(now - delta(grace))
            .fetch_one(&self.pool)
            .await?;
        Ok(count)
    }
}

fn read_claim(row: &PgRow, priority: i16) -> Claim {
    Claim {
        mirror: MirrorId(row.get("mirror_id")),
        pair: PairId(row.get("pair_id")),
        pending: row.get("pending"),
        events: row.get("events"),
        fence: row.get("fence"),
        attempts: row.get("attempts"),
        backfill: priority == priority_of(Origin::Backfill),
        sweep: priority == priority_of(Origin::Sweep),
    }
}
