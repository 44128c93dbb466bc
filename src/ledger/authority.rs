//! Which desk leads: turned for all tickets of a mirror, or of a window, in one commit.
//!
//! The fence of every lane that is turned and held is raised in the same commit: a claim that began before it records no write and
//! settles nothing any more. A write that was on its way then is an open intent; the lane rests until it has arrived or never will, and
//! whoever comes next looks it up at the desk that it was sent to. Bases, links and messages stay as they are: what both desks agreed on
//! does not depend on who leads.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgConnection, Row};

use crate::change::Origin;
use crate::desk::Side;
use crate::mirror::MirrorId;

use super::event::priority_of;
use super::switch::Run;
use super::window::{lead, within};
use super::{Ledger, Result};

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Turned {
    /// Tickets that the other desk led before.
    pub tickets: i64,
    /// Those of them that both desks have.
    pub whole: i64,
    /// Those of them that somebody touched in the desk that leads now: they are looked at again, after live changes.
    pub looked_at: i64,
    /// Those of them at which somebody was at work.
    pub fenced: i64,
    /// Tickets that were left to the desk that led before, because something that it said is not applied yet.
    pub late: i64,
}

/// Which tickets are turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    /// Those at which nobody is at work and of which everything known is applied, or everything that this run marked; a parked one is
    /// turned too.
    AtRest {
        run: i64,
    },
}

impl Ledger {
    /// Since when tickets that people make in the target are made in the source as well. `None`: they are not.
    pub async fn births_since(&self, mirror: MirrorId) -> Result<Option<DateTime<Utc>>> {
        let since =
            sqlx::query_scalar("select births_since from mirror where id = $1").bind(mirror.0).fetch_one(&self.pool).await?;
        Ok(since)
    }

    /// Lets `to` lead all tickets of a mirror and those to come, or the tickets of one window: once it leads every window, all the others
    /// too. Turning what is turned changes nothing.
    pub async fn turn(&self, mirror: MirrorId, window: Option<i64>, to: Side, now: DateTime<Utc>) -> Result<Turned> {
        let mut transaction = self.pool.begin().await?;
        let turned = turn(&mut transaction, mirror, window, (to, Which::All), now).await?;
        transaction.commit().await?;
        Ok(turned)
    }

    /// Tickets that a run has turned so far, and those of them that both desks have.
    pub async fn turned_by(&self, mirror: MirrorId, run: &Run) -> Result<[i64; 2]> {
        let row = sqlx::query(concat!(
            "select count(*) as tickets, count(*) filter (where p.source_ticket is not null and p.target_ticket is not null) as whole
             from pair p join switch s on s.id = $4
             where p.mirror_id = $1 and p.authority = $3 and p.turned_at >= s.turned_at and ",
            within!()
        ))
        .bind(mirror.0)
        .bind(&run.windows)
        .bind(run.to.as_str())
        .bind(run.id)
        .fetch_one(&self.pool)
        .await?;
        Ok([row.get("tickets"), row.get("whole")])
    }

    /// Turns up to `most` tickets of a run and takes it back: how long it takes tells how long all of them would take. Returns how many
    /// were tried, and how many there are.
    pub async fn try_turn(&self, mirror: MirrorId, run: &Run, most: i64) -> Result<[i64; 2]> {
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query(concat!(
            "with asked as (
                 select p.id from pair p where p.mirror_id = $1 and p.authority <> $3 and ",
            within!(),
            "
             ), tried as (
                 update pair set authority = $3, seen_acts = '{}' where id = any (array(select id from asked limit $4)) returning id
             )
             select (select count(*) from tried) as tried, (select count(*) from asked) as asked"
        ))
        .bind(mirror.0)
        .bind(&run.windows)
        .bind(run.to.as_str())
        .bind(most)
        .fetch_one(&mut *transaction)
        .await?;
        transaction.rollback().await?;
        Ok([row.get("tried"), row.get("asked")])
    }
}

/// The same inside the caller's transaction. Which of them are late is told with [`Which::AtRest`] only.
pub(super) async fn turn(
    connection: &mut PgConnection,
    mirror: MirrorId,
    window: Option<i64>,
    (to, which): (Side, Which),
    now: DateTime<Utc>,
) -> Result<Turned> {
    // No claim and no pair is made meanwhile. A lock on each lane would be taken in another order than by those who wake lanes.
    sqlx::query("lock table lane in exclusive mode").execute(&mut *connection).await?;
    let whole = lead(connection, mirror, window, to, now).await?;
    let row = sqlx::query(
        "with turned as (
             update pair set authority = $3, turned_at = $4, seen_acts = '{}'
             where mirror_id = $1 and authority <> $3 and ($7 or window_id = $2)
               and ($6 or exists (
                   select from lane l
                   where l.pair_id = pair.id and l.lease_owner is null
                     and (l.blocked or (l.pending = l.applied and l.look_again_at is null)
                          or l.applied >= (select k.seq from switch_mark k where k.switch_id = $8 and k.pair_id = l.pair_id))
                     and not exists (select from intent i where i.pair_id = l.pair_id and i.state in ('prepared', 'sent'))))
             returning id, source_ticket is not null and target_ticket is not null as both_ends,
                       coalesce((base ->> 'follow_has_own')::boolean, false) as has_own
         ), touched as (
             select id as pair_id from turned where has_own
             union
             select e.pair_id from change_event e join turned t on t.id = e.pair_id where e.side = $3
         ), changed as (
             update lane l
             set fence = l.fence + (l.lease_until is not null)::int, lease_owner = null,
                 lease_until = case when l.lease_until is not null then least(l.lease_until, $4) end,
                 pending = l.pending + (c.pair_id is not null)::int,
                 due_at = case when c.pair_id is null then l.due_at else least(l.due_at, $4) end,
                 priority = case when l.pending > l.applied or c.pair_id is null then l.priority else $5 end
             from turned t left join touched c on c.pair_id = t.id
             where l.pair_id = t.id and (c.pair_id is not null or l.lease_until is not null)
             returning l.lease_until is not null as fenced, c.pair_id is not null as looked_at
         )
         select (select count(*) from turned) as tickets, (select count(*) from turned where both_ends) as whole,
                (select count(*) from pair p where p.mirror_id = $1 and p.authority <> $3 and ($7 or p.window_id = $2))
                    - (select count(*) from turned) as late,
                count(*) filter (where looked_at) as looked_at,
                count(*) filter (where fenced) as fenced
         from changed",
    )
    .bind(mirror.0)
    .bind(window)
    .bind(to.as_str())
    .bind(now)
    .bind(priority_of(Origin::Backfill))
    .bind(which == Which::All)
    .bind(whole)
    .bind(match which {
        Which::All => None,
        Which::AtRest { run } => Some(run),
    })
    .fetch_one(connection)
    .await?;
    Ok(Turned {
        tickets: row.get("tickets"),
        whole: row.get("whole"),
        looked_at: row.get("looked_at"),
        fenced: row.get("fenced"),
        late: row.get("late"),
    })
}
