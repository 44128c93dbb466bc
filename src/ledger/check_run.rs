//! Runs of the check, so that one that was stopped goes on where it was; and what they found besides the pairs.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::mirror::{MirrorId, PairId};

use super::accepted::{digest, stray_accepted};
use super::verdict::Answer;
use super::window::within;
use super::{Error, Ledger, Result, stored, to_store};

/// One that nobody has gone on with for so long is begun anew.
const GOES_ON_WITHIN: TimeDelta = TimeDelta::hours(24);
/// The first stage.
pub const START: &str = "start";

/// A run of the check, held by this process.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckRun {
    pub id: i64,
    pub mirror: MirrorId,
    pub fence: i32,
    pub place: Place,
    pub started_at: DateTime<Utc>,
    /// It was begun before, by a process that was stopped.
    pub resumed: bool,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// A word of the check's own; [`START`] at first.
    pub stage: String,
    /// Within the stage.
    pub cursor: Option<String>,
    pub done: u64,
    pub total: u64,
    /// Questions asked of the desks, by kind.
    pub calls: BTreeMap<String, u64>,
    pub ends_at: Option<DateTime<Utc>>,
}

/// The last run, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastCheck {
    pub started_at: DateTime<Utc>,
    pub done: u64,
    pub total: u64,
    /// When it will be done, as things go.
    pub ends_at: Option<DateTime<Utc>>,
    /// When it was last heard of.
    pub told_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// A ticket that no pair stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Stray {
    pub side: Side,
    pub ticket: TicketId,
    /// Moving, different or unread.
    pub answer: Answer,
    pub why: Option<String>,
    /// What is different about it; names its kind as `kind`.
    pub found: Option<Json>,
}

impl Ledger {
    /// Begins a check, or goes on with the one of the same wish that was stopped. Any other that is open ends here.
    pub async fn begin_check(&self, mirror: MirrorId, wish: &Json, now: DateTime<Utc>) -> Result<CheckRun> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("select id from mirror where id = $1 for no key update").bind(mirror.0).execute(&mut *transaction).await?;
        sqlx::query("delete from check_run where mirror_id = $1 and finished_at is null and (wish <> $2 or told_at < $3)")
            .bind(mirror.0)
            .bind(wish)
            .bind(now - GOES_ON_WITHIN)
            .execute(&mut *transaction)
            .await?;
        let row = sqlx::query(
            "insert into check_run as r (mirror_id, wish, stage, started_at, told_at) values ($1, $2, $3, $4, $4)
             on conflict (mirror_id) where finished_at is null do update set fence = r.fence + 1, told_at = excluded.told_at
             returning id, fence, stage, cursor, done, total, calls, started_at, ends_at",
        )
        .bind(mirror.0)
        .bind(wish)
        .bind(START)
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let fence: i32 = row.get("fence");
        Ok(CheckRun {
            id: row.get("id"),
            mirror,
            fence,
            started_at: row.get("started_at"),
            resumed: fence > 1,
            place: Place {
                stage: row.get("stage"),
                cursor: row.get("cursor"),
                done: row.get::<i64, _>("done").unsigned_abs(),
                total: row.get::<i64, _>("total").unsigned_abs(),
                calls: stored("the calls of a check", row.get("calls"))?,
                ends_at: row.get("ends_at"),
            },
        })
    }

    /// Ends a run. `whole`: it looked for strays, so that those which it did not find are no more. Errors: `Overtaken`.
    pub async fn finish_check(&self, run: &CheckRun, place: &Place, whole: bool, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        keep_place(&mut transaction, run, place, now).await?;
        sqlx::query("update check_run set finished_at = $2 where id = $1")
            .bind(run.id)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        if whole {
            sqlx::query("delete from stray where mirror_id = $1 and run_id <> $2")
                .bind(run.mirror.0)
                .bind(run.id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The check that runs, or the last one.
    pub async fn last_check(&self, mirror: MirrorId) -> Result<Option<LastCheck>> {
        let row = sqlx::query(
            "select started_at, done, total, ends_at, told_at, finished_at from check_run
             where mirror_id = $1 order by id desc limit 1",
        )
        .bind(mirror.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| LastCheck {
            started_at: row.get("started_at"),
            done: row.get::<i64, _>("done").unsigned_abs(),
            total: row.get::<i64, _>("total").unsigned_abs(),
            ends_at: row.get("ends_at"),
            told_at: row.get("told_at"),
            finished_at: row.get("finished_at"),
        }))
    }

    /// Keeps what was found of tickets without a pair, and how far the run is, in one commit. Errors: `Overtaken`.
    pub async fn keep_strays(&self, run: &CheckRun, place: &Place, strays: &[Stray], now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        keep_place(&mut transaction, run, place, now).await?;
        for stray in strays {
            sqlx::query(
                "insert into stray (mirror_id, run_id, side, ticket, answer, why, found) values ($1, $2, $3, $4, $5, $6, $7)
                 on conflict (mirror_id, side, ticket) do update
                 set run_id = excluded.run_id, answer = excluded.answer, why = excluded.why, found = excluded.found",
            )
            .bind(run.mirror.0)
            .bind(run.id)
            .bind(stray.side.as_str())
            .bind(stray.ticket.as_str())
            .bind(stray.answer.as_str())
            .bind(&stray.why)
            .bind(&stray.found)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// It turned out to be nothing.
    pub async fn forget_stray(&self, mirror: MirrorId, side: Side, ticket: &TicketId) -> Result<()> {
        sqlx::query("delete from stray where mirror_id = $1 and side = $2 and ticket = $3")
            .bind(mirror.0)
            .bind(side.as_str())
            .bind(ticket.as_str())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// How many of them differ, how many were moving or could not be read, and how many differ as somebody accepted it. Of these windows,
    /// and those whose window nobody can tell: all but second copies of a ticket that is known. `None`: all.
    pub async fn count_strays(&self, mirror: MirrorId, windows: Option<&[i64]>) -> Result<[u64; 3]> {
        let row = sqlx::query(concat!(
            "select count(*) filter (where answer = 'different' and not accepted) as different,
                    count(*) filter (where answer <> 'different') as unsure,
                    count(*) filter (where answer = 'different' and accepted) as accepted
             from (select s.*, ",
            stray_accepted!(),
            " as accepted from stray s) as s
             left join pair p on p.mirror_id = s.mirror_id and p.source_ticket = s.found ->> 'source_ticket'
             where s.mirror_id = $1
               and not (s.side = 'source' and exists
                   (select 1 from pair k where k.mirror_id = $1 and k.source_ticket = s.ticket))
               and ",
            within!()
        ))
        .bind(mirror.0)
        .bind(windows)
        .fetch_one(&self.pool)
        .await?;
        Ok(["different", "unsure", "accepted"].map(|count| row.get::<i64, _>(count).unsigned_abs()))
    }

    /// Numbers that lie between those of known source tickets and belong to none: first and last, those after `after`, the lowest
    /// first. A hole wider than `widest` is a leap of the desk's numbering and is left out.
    pub async fn gaps(&self, mirror: MirrorId, after: i64, widest: i64, most: i64) -> Result<Vec<(i64, i64)>> {
        let rows = sqlx::query(
            "select greatest(number + 1, $2 + 1) as first, next - 1 as last
             from (select number, lead(number) over (order by number) as next
                   from (select source_ticket::bigint as number from pair where mirror_id = $1 and source_ticket ~ '^[0-9]{1,18}$'
                         union
                         select ticket::bigint from stray
                         where mirror_id = $1 and side = 'source' and ticket ~ '^[0-9]{1,18}$') as numbers) as neighbours
             where next > number + 1 and next - 1 > $2 and next - number <= $3
             order by number limit $4",
        )
        .bind(mirror.0)
        .bind(after)
        .bind(widest)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(|row| (row.get("first"), row.get("last"))).collect())
    }

    /// Of target tickets, each with the source ticket that its key names: those that are not, and were not, that ticket's copy. With
    /// the pair of the source ticket, if there is one.
    pub async fn not_copies(
        &self,
        mirror: MirrorId,
        keyed: &[(&str, &str)],
    ) -> Result<Vec<(TicketId, TicketId, Option<PairId>)>> {
        let (targets, sources): (Vec<&str>, Vec<&str>) = keyed.iter().copied().unzip();
        let rows = sqlx::query(
            "select t.target, t.source, p.id
             from unnest($2::text[], $3::text[]) as t(target, source)
             left join pair p on p.mirror_id = $1 and p.source_ticket = t.source
             where not exists (select 1 from pair o where o.mirror_id = $1 and o.target_ticket = t.target)
               and not exists (select 1 from pair_former f join pair o on o.id = f.pair_id
                               where o.mirror_id = $1 and f.target_ticket = t.target)
             order by length(t.target), t.target",
        )
        .bind(mirror.0)
        .bind(targets)
        .bind(sources)
        .fetch_all(&self.pool)
        .await?;
        let ticket = |row: &PgRow, column: &str| TicketId::new(row.get::<String, _>(column));
        Ok(rows
            .iter()
            .map(|row| (ticket(row, "target"), ticket(row, "source"), row.get::<Option<i64>, _>("id").map(PairId)))
            .collect())
    }

    /// Up to `most` tickets that no pair stood for when they were looked at, and none does now; without those that somebody accepted.
    pub async fn strays(&self, mirror: MirrorId, most: i64) -> Result<Vec<Stray>> {
        let rows = sqlx::query(concat!(
            "select s.side, s.ticket, s.answer, s.why, s.found from stray s
             where s.mirror_id = $1 and not ",
            stray_accepted!(),
            "
               and not (s.side = 'source' and exists
                   (select 1 from pair p where p.mirror_id = $1 and p.source_ticket = s.ticket))
             order by s.side, length(s.ticket), s.ticket limit $2"
        ))
        .bind(mirror.0)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(read_stray).collect())
    }
}

fn read_stray(row: &PgRow) -> Stray {
    let answer = match row.get::<&str, _>("answer") {
        "moving" => Answer::Moving,
        "unread" => Answer::Unread,
        _ => Answer::Different,
    };
    let side = if row.get::<&str, _>("side") == "target" { Side::Target } else { Side::Source };
    let ticket = TicketId::new(row.get::<String, _>("ticket"));
    Stray { side, ticket, answer, why: row.get("why"), found: row.get("found") }
}

/// How far a run is, as part of the caller's transaction. Errors: `Overtaken`.
pub(super) async fn keep_place(connection: &mut PgConnection, run: &CheckRun, place: &Place, now: DateTime<Utc>) -> Result<()> {
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let done = sqlx::query(
        "update check_run set stage = $3, cursor = $4, done = $5, total = $6, calls = $7, ends_at = $8, told_at = $9
         where id = $1 and fence = $2 and finished_at is null",
    )
    .bind(run.id)
    .bind(run.fence)
    .bind(&place.stage)
    .bind(&place.cursor)
    .bind(number(place.done))
    .bind(number(place.total))
    .bind(to_store(&place.calls))
    .bind(place.ends_at)
    .bind(now)
    .execute(connection)
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(Error::Overtaken) }
}
