//! Which desk leads: turned for all tickets of a mirror, or of a window, in one commit.
//!
//! The fence of every lane that is turned and held is raised in the same commit: a claim that began before it records no write and
//! settles nothing any more. A write that was on its way then is an open intent; the lane rests until it has arrived or never will, and
//! whoever comes next looks it up at the desk that it was sent to. Bases, links and messages stay as they are: what both desks agreed on
//! does not depend on who leads.

use chrono::{DateTime, Utc};
use sqlx::Row;

use crate::change::Origin;
use crate::desk::Side;
use crate::mirror::MirrorId;

use super::event::priority_of;
use super::{Ledger, Result};

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Turned {
    /// Tickets that the other desk led before.
    pub tickets: i64,
    /// Those of them that somebody touched in the desk that leads now: they are looked at again, after live changes.
    pub looked_at: i64,
    /// Those of them at which somebody was at work.
    pub fenced: i64,
}

impl Ledger {
    /// Since when tickets that people make in the target are made in the source as well. `None`: they are not.
    pub async fn births_since(&self, mirror: MirrorId) -> Result<Option<DateTime<Utc>>> {
        let since =
            sqlx::query_scalar("select births_since from mirror where id = $1").bind(mirror.0).fetch_one(&self.pool).await?;
        Ok(since)
    }

    /// Lets `to` lead all tickets of a mirror and those to come, or the tickets of one window. Turning what is turned changes nothing.
    pub async fn turn(&self, mirror: MirrorId, window: Option<i64>, to: Side, now: DateTime<Utc>) -> Result<Turned> {
        let mut transaction = self.pool.begin().await?;
        // No claim and no pair is made meanwhile. A lock on each lane would be taken in another order than by those who wake lanes.
        sqlx::query("lock table lane in exclusive mode").execute(&mut *transaction).await?;
        if window.is_none() {
            sqlx::query(
                "update mirror
                 set leads = $2, births_since = case $2 when 'target' then coalesce(births_since, $3) else births_since end
                 where id = $1",
            )
            .bind(mirror.0)
            .bind(to.as_str())
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        }
        let row = sqlx::query(
            "with turned as (
                 update pair set authority = $3, seen_acts = '{}'
                 where mirror_id = $1 and authority <> $3 and ($2::bigint is null or window_id = $2)
                 returning id
             ), touched as (
                 select distinct e.pair_id from change_event e join turned t on t.id = e.pair_id where e.side = $3
             ), changed as (
                 update lane l
                 set fence = l.fence + (l.lease_until is not null)::int, lease_owner = null, lease_until = least(l.lease_until, $4),
                     pending = l.pending + (c.pair_id is not null)::int,
                     due_at = case when c.pair_id is null then l.due_at else least(l.due_at, $4) end,
                     priority = case when l.pending > l.applied or c.pair_id is null then l.priority else $5 end
                 from turned t left join touched c on c.pair_id = t.id
                 where l.pair_id = t.id and (c.pair_id is not null or l.lease_until is not null)
                 returning l.lease_until is not null as fenced, c.pair_id is not null as looked_at
             )
             select (select count(*) from turned) as tickets, count(*) filter (where looked_at) as looked_at,
                    count(*) filter (where fenced) as fenced
             from changed",
        )
        .bind(mirror.0)
        .bind(window)
        .bind(to.as_str())
        .bind(now)
        .bind(priority_of(Origin::Backfill))
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Turned { tickets: row.get("tickets"), looked_at: row.get("looked_at"), fenced: row.get("fenced") })
    }
}
