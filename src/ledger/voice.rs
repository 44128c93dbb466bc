//! Which tickets a desk may still be silent about because of our writes, although people work there.
//!
//! The source's people may answer whichever desk leads; the target's work there from the turn on. A ticket that is closed for good takes
//! nothing off and sends nothing.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;

use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::mirror::{MirrorId, PairId};

use super::{Ledger, Result};

/// A desk of a mirror, and how it spells what has an end.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub mirror: MirrorId,
    pub side: Side,
    /// The status after which nothing can be changed.
    pub closed: Option<&'a str>,
    /// Statuses that mean *done*.
    pub done: &'a [&'a str],
}

/// A ticket that its desk may be silent about, at rest when it was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    pub pair: PairId,
    pub ticket: TicketId,
    /// Of the lane: another one says that somebody was at work since.
    fence: i64,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Voice {
    pub side: Side,
    /// Tickets that are not closed for good.
    pub tickets: i64,
    /// Those of them that the desk may be silent about.
    pub mute: i64,
    /// Those of them for which it was tried and could not be.
    pub failed: i64,
    /// One of those: its number and why.
    pub example: Option<String>,
}

/// The status of a pair's ticket at a side, as the base knows it.
macro_rules! status {
    ($side:literal) => {
        concat!("coalesce(p.base #>> '{fields,status,", $side, ",text}', '')")
    };
}

/// Pairs whose ticket at a side is our business, and not closed for good. What was in the target before and is not mirrored is not.
macro_rules! ours {
    ($side:literal) => {
        concat!(
            "p.mirror_id = $1 and p.",
            $side,
            "_ticket is not null and p.state not in ('deleted', 'merged')
             and (p.state <> 'outside' or p.source_ticket is not null and p.target_ticket is not null or p.created_at >= m.births_since)
             and ",
            status!($side),
            " is distinct from $2"
        )
    };
}

macro_rules! mute {
    ($side:literal, $due:literal) => {
        concat!(
            "select p.id, p.",
            $side,
            "_ticket as ticket, l.fence
             from pair p join lane l on l.pair_id = p.id join mirror m on m.id = p.mirror_id
             where ",
            $due,
            " and ",
            ours!($side),
            " and m.paused_why is null and not exists (select from blind b where b.mirror_id = m.id)
              and l.lease_owner is null
              and not exists (select from intent i where i.pair_id = p.id and i.state in ('prepared', 'sent'))
              and (p.mute_tried_at is null or p.mute_tried_at <= $4)
              and (not $5 or ",
            status!($side),
            " <> all($3))
             order by ",
            status!($side),
            " = any($3), p.id
             limit $6"
        )
    };
}

macro_rules! voice {
    ($side:literal, $due:literal, $all:literal) => {
        concat!(
            "select count(*) as tickets, count(*) filter (where ",
            $due,
            ") as mute,
                    count(*) filter (where ",
            $due,
            " and p.mute_why is not null) as failed,
                    min(p.",
            $side,
            "_ticket || ': ' || p.mute_why) filter (where ",
            $due,
            ") as example
             from pair p join mirror m on m.id = p.mirror_id
             where ",
            $all,
            " and ",
            ours!($side)
        )
    };
}

impl Ledger {
    /// Up to `most` tickets that a desk may be silent about and at which nobody is at work, open ones first; `only_open`: none but those.
    /// One that could not be helped is among them again when that was tried before `tried_before`.
    pub async fn mute(&self, place: Place<'_>, only_open: bool, tried_before: DateTime<Utc>, most: i64) -> Result<Vec<Mute>> {
        let sql = match place.side {
            Side::Source => mute!("source", "p.source_mute"),
            Side::Target => mute!("target", "p.target_mute and p.authority = 'target'"),
        };
        let rows = sqlx::query(sql)
            .bind(place.mirror.0)
            .bind(place.closed)
            .bind(place.done)
            .bind(tried_before)
            .bind(only_open)
            .bind(most)
            .fetch_all(&self.pool)
            .await?;
        let mute = |row: &sqlx::postgres::PgRow| Mute {
            pair: PairId(row.get("id")),
            ticket: TicketId::new(row.get::<String, _>("ticket")),
            fence: row.get("fence"),
        };
        Ok(rows.iter().map(mute).collect())
    }

    /// What kept the desk silent is off these tickets. Where somebody was at work meanwhile it may be on again, and stays noted. Returns
    /// how many are done.
    pub async fn speaks(&self, side: Side, tickets: &[Mute]) -> Result<u64> {
        let (pairs, fences): (Vec<i64>, Vec<i64>) = tickets.iter().map(|one| (one.pair.0, one.fence)).unzip();
        let mut transaction = self.pool.begin().await?;
        let still: Vec<i64> = sqlx::query_scalar(
            "select l.pair_id from lane l join unnest($1::bigint[], $2::bigint[]) as t(pair_id, fence) on l.pair_id = t.pair_id
             where l.fence = t.fence
             order by l.pair_id
             for update of l",
        )
        .bind(pairs)
        .bind(fences)
        .fetch_all(&mut *transaction)
        .await?;
        let done = sqlx::query(
            "update pair
             set source_mute = source_mute and $2 <> 'source', target_mute = target_mute and $2 <> 'target',
                 mute_why = null, mute_tried_at = null
             where id = any($1)",
        )
        .bind(still)
        .bind(side.as_str())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    }

    /// It could not be taken off this ticket.
    pub async fn still_mute(&self, ticket: &Mute, why: &str, now: DateTime<Utc>) -> Result<()> {
        sqlx::query("update pair set mute_why = $2, mute_tried_at = $3 where id = $1")
            .bind(ticket.pair.0)
            .bind(why)
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// How far it is at a desk: of the target's tickets those that it leads, of the source's all.
    pub async fn voice(&self, place: Place<'_>) -> Result<Voice> {
        let sql = match place.side {
            Side::Source => voice!("source", "p.source_mute", "true"),
            Side::Target => voice!("target", "p.target_mute", "p.authority = 'target'"),
        };
        let row = sqlx::query(sql).bind(place.mirror.0).bind(place.closed).fetch_one(&self.pool).await?;
        Ok(Voice {
            side: place.side,
            tickets: row.get("tickets"),
            mute: row.get("mute"),
            failed: row.get("failed"),
            example: row.get("example"),
        })
    }
}
