//! Runs: what changed since the last one is carried once, and accounted for by itself.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::mirror::MirrorId;

use super::lane::Claim;
use super::settle::hold;
use super::window::place;
use super::{Ledger, Result};

/// So many days after the copy a run may start, unless somebody extends it.
pub const DAYS: i64 = 10;

/// After so many tries a ticket counts as failed in this run; the next one takes it up again. About six minutes.
const TRIES: i32 = 12;

/// A run. Counts are there once it has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    #[serde(skip)]
    pub id: i64,
    /// Counted from 1 in each mirror.
    pub number: i32,
    /// The window whose tickets it carries; `None`: all of the mirror.
    pub window: Option<String>,
    /// A person's name, or `schedule`.
    pub ordered_by: String,
    pub ordered_at: DateTime<Utc>,
    /// Outside the quiet hours too.
    pub at_any_hour: bool,
    /// Since when it rests until the quiet hours.
    pub rests_since: Option<DateTime<Utc>>,
    pub rested_seconds: f64,
    /// Our clock when the read began that succeeded: what the desks showed then was carried. The mirror's next reference time.
    pub read_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Tickets that were not in the target before.
    pub created: Option<i64>,
    pub updated: Option<i64>,
    /// Tickets that changed, and nothing had to be written.
    pub skipped: Option<i64>,
    pub failed: Option<i64>,
    /// Calls to both desks.
    pub calls: Option<i64>,
    /// Tickets that it has taken up so far.
    pub tickets: i64,
}

/// A ticket of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunTicket {
    pub source_ticket: Option<String>,
    pub target_ticket: Option<String>,
    /// `created`, `updated`, `skipped`, `failed`; none while it is worked on.
    pub outcome: Option<String>,
    /// Why it failed.
    pub why: Option<String>,
}

/// What the next run follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Before {
    /// Number of the last run; 0: none yet.
    pub number: i32,
    /// When it was ordered.
    pub ordered_at: Option<DateTime<Utc>>,
    /// When the copy ended.
    pub copied_at: Option<DateTime<Utc>>,
    /// Days that were added since the copy.
    pub extended: i64,
}

impl Before {
    /// Until when a run may start; `None`: nothing was copied yet.
    pub fn deadline(&self) -> Option<DateTime<Utc>> {
        self.copied_at.map(|copied| copied + TimeDelta::days(DAYS + self.extended))
    }

    /// What a schedule counts from.
    pub fn last(&self) -> Option<DateTime<Utc>> {
        self.ordered_at.max(self.copied_at)
    }
}

/// Who orders a run, and how.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Number of the run before: whoever saw another one is too late.
    pub after: i32,
    pub by: &'a str,
    pub at_any_hour: bool,
    pub window: Option<i64>,
}

/// The condition on lane `l` that run `r` carries it. Which window has a ticket that was never read is not known: it is read.
macro_rules! of_run {
    () => {
        "(r.window_id is null or exists (
             select 1 from pair p where p.id = l.pair_id and (p.window_id = r.window_id or p.window_id is null)))"
    };
}

const CALLS: &str = "(select coalesce(sum(value), 0)::bigint from figure where mirror_id = $1 and name like 'calls: %')";

const RUN: &str = "select r.id, r.number, w.name as window_name, r.ordered_by, r.ordered_at, r.at_any_hour, r.rests_since, r.rested_seconds, r.read_at, r.ended_at,
       r.created, r.updated, r.skipped, r.failed, r.calls, (select count(*) from run_ticket t where t.run_id = r.id) as tickets
     from run r left join cutover_window w on w.id = r.window_id where r.mirror_id = $1";

impl Ledger {
    /// What the next run follows from.
    pub async fn before_run(&self, mirror: MirrorId) -> Result<Before> {
        let row = sqlx::query(
            "select m.copied_at, r.number, r.ordered_at,
                    (select coalesce(sum(x.days), 0) from extension x
                     where x.mirror_id = m.id and x.term = 'runs' and x.at >= m.copied_at) as extended
             from mirror m
             left join lateral (select number, ordered_at from run where mirror_id = m.id order by number desc limit 1) r on true
             where m.id = $1",
        )
        .bind(mirror.0)
        .fetch_one(&self.pool)
        .await?;
        Ok(Before {
            number: row.get::<Option<i32>, _>("number").unwrap_or_default(),
            ordered_at: row.get("ordered_at"),
            copied_at: row.get("copied_at"),
            extended: row.get("extended"),
        })
    }

    /// Orders the next run. `false`: another one is under way or was ordered meanwhile, or the mirror carries no runs (now).
    pub async fn order_run(&self, mirror: MirrorId, order: Order<'_>, now: DateTime<Utc>) -> Result<bool> {
        let sql = sqlx::AssertSqlSafe(format!(
            "insert into run (tenant_id, mirror_id, number, ordered_by, ordered_at, at_any_hour, window_id, calls_before,
                              intents_before)
             select m.tenant_id, m.id, $2, $3, $4, $5, $6, {CALLS}, (select coalesce(max(id), 0) from intent)
             from mirror m
             where m.id = $1 and m.by_runs and m.phase = 'mirroring'
             on conflict do nothing"
        ));
        let ordered = sqlx::query(sql)
            .bind(mirror.0)
            .bind(order.after + 1)
            .bind(order.by)
            .bind(now)
            .bind(order.at_any_hour)
            .bind(order.window)
            .execute(&self.pool)
            .await?;
        Ok(ordered.rows_affected() == 1)
    }

    /// The run that is under way.
    pub async fn open_run(&self, mirror: MirrorId) -> Result<Option<Run>> {
        let sql = sqlx::AssertSqlSafe(format!("{RUN} and r.ended_at is null"));
        let row = sqlx::query(sql).bind(mirror.0).fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(read))
    }

    /// All runs of a mirror, the first one first.
    pub async fn runs(&self, mirror: MirrorId) -> Result<Vec<Run>> {
        let sql = sqlx::AssertSqlSafe(format!("{RUN} order by r.number"));
        let rows = sqlx::query(sql).bind(mirror.0).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(read).collect())
    }

    /// The tickets of a run, by the source's number.
    pub async fn run_tickets(&self, run: &Run) -> Result<Vec<RunTicket>> {
        let rows = sqlx::query(
            "select p.source_ticket, p.target_ticket, t.outcome, t.why
             from run_ticket t join pair p on p.id = t.pair_id
             where t.run_id = $1
             order by length(p.source_ticket), p.source_ticket, p.id",
        )
        .bind(run.id)
        .fetch_all(&self.pool)
        .await?;
        let ticket = |row: PgRow| RunTicket {
            source_ticket: row.get("source_ticket"),
            target_ticket: row.get("target_ticket"),
            outcome: row.get("outcome"),
            why: row.get("why"),
        };
        Ok(rows.into_iter().map(ticket).collect())
    }

    /// Lets a run rest until it is told to go on: nothing more is carried for it.
    pub async fn rest_run(&self, mirror: MirrorId, run: &Run, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        let sql = sqlx::AssertSqlSafe(format!(
            "update run set rests_since = $3, rests_calls = {CALLS} where id = $2 and rests_since is null and ended_at is null"
        ));
        sqlx::query(sql).bind(mirror.0).bind(run.id).bind(now).execute(&mut *transaction).await?;
        sqlx::query("update mirror set run_carries = false where id = $1").bind(mirror.0).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Lets a run that rested go on. What was called meanwhile is not its own.
    pub async fn resume_run(&self, mirror: MirrorId, run: &Run, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        let sql = sqlx::AssertSqlSafe(format!(
            "update run
             set rested_seconds = rested_seconds + extract(epoch from $3 - rests_since), rests_since = null, rests_calls = null,
                 calls_before = calls_before + {CALLS} - rests_calls
             where id = $2 and rests_since is not null"
        ));
        sqlx::query(sql).bind(mirror.0).bind(run.id).bind(now).execute(&mut *transaction).await?;
        sqlx::query(
            "update mirror set run_carries = exists (select from run where id = $2 and read_at is not null) where id = $1",
        )
        .bind(mirror.0)
        .bind(run.id)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes up every ticket that changed, once both desks were read from `read_at` on. A ticket that waits for a person stays with
    /// the run that left it there; one that only waited for a second look gets it now.
    pub async fn take_up(&self, mirror: MirrorId, run: &Run, read_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        if hold_run(&mut transaction, run).await?.is_none_or(|held| held.read_at.is_some()) {
            return Ok(());
        }
        let changed: Vec<i64> = sqlx::query_scalar(concat!(
            "select l.pair_id from lane l join run r on r.id = $2
             where l.mirror_id = $1 and not l.blocked and (l.pending > l.applied or l.look_again_at is not null) and ",
            of_run!(),
            "
             order by l.pair_id
             for update of l"
        ))
        .bind(mirror.0)
        .bind(run.id)
        .fetch_all(&mut *transaction)
        .await?;
        sqlx::query(
            "update lane
             set pending = pending + (pending = applied)::int, run_seq = pending + (pending = applied)::int, look_again_at = null,
                 attempts = 0, due_at = least(due_at, $2)
             where pair_id = any($1)",
        )
        .bind(&changed)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        put_tickets(&mut transaction, run, &changed).await?;
        sqlx::query("update run set read_at = $2 where id = $1").bind(run.id).bind(read_at).execute(&mut *transaction).await?;
        sqlx::query("update mirror set run_carries = true where id = $1").bind(mirror.0).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The window whose tickets alone the run carries that is under way.
    pub async fn run_window(&self, mirror: MirrorId) -> Result<Option<String>> {
        let name = sqlx::query_scalar(
            "select w.name from run r join cutover_window w on w.id = r.window_id where r.mirror_id = $1 and r.ended_at is null",
        );
        Ok(name.bind(mirror.0).fetch_optional(&self.pool).await?)
    }

    /// Gives a ticket back that was read for the first time and belongs to another window than the run's: a run of that one, or of all,
    /// carries it. Errors: `Fenced`.
    pub async fn leave_to_window(&self, claim: &Claim, window: &str, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        hold(&mut transaction, claim).await?;
        place(&mut transaction, claim, window, now).await?;
        sqlx::query("delete from run_ticket t using run r where t.pair_id = $1 and r.id = t.run_id and r.ended_at is null")
            .bind(claim.pair.0)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("update lane set run_seq = null, lease_owner = null, lease_until = null where pair_id = $1")
            .bind(claim.pair.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends a run once every ticket of it is done or has failed, and accounts for it. Returns whether it ended.
    pub async fn end_run(&self, mirror: MirrorId, run: &Run, now: DateTime<Utc>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        if hold_run(&mut transaction, run).await?.is_none() {
            return Ok(true);
        }
        let woken = take_woken(&mut transaction, mirror, run).await?;
        put_tickets(&mut transaction, run, &woken).await?;
        let open: bool = sqlx::query_scalar(
            "select exists (
                 select from lane
                 where mirror_id = $1 and run_seq > applied and not blocked
                   and not (attempts >= $2 and fault_kind in ('unreachable', 'not yet')))",
        )
        .bind(mirror.0)
        .bind(TRIES)
        .fetch_one(&mut *transaction)
        .await?;
        if !open {
            account(&mut transaction, mirror, run, now).await?;
        }
        transaction.commit().await?;
        Ok(!open)
    }
}

/// Where a run stands that another process may see to as well.
struct Held {
    read_at: Option<DateTime<Utc>>,
}

/// Locks a run's row; `None`: it has ended.
async fn hold_run(connection: &mut PgConnection, run: &Run) -> Result<Option<Held>> {
    let row = sqlx::query("select read_at from run where id = $1 and ended_at is null for update")
        .bind(run.id)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| Held { read_at: row.get("read_at") }))
}

/// Tickets that a run itself gave something to do: those that waited for one that it made. Nobody else told of them.
async fn take_woken(connection: &mut PgConnection, mirror: MirrorId, run: &Run) -> Result<Vec<i64>> {
    let woken = sqlx::query_scalar(concat!(
        "with woken as (
             select l.pair_id from lane l join run r on r.id = $2
             where l.mirror_id = $1 and not l.blocked and l.pending > l.applied and l.pending > coalesce(l.run_seq, 0)
               and not exists (select 1 from change_event e where e.pair_id = l.pair_id and e.applied_at is null)
               and ",
        of_run!(),
        "
             order by l.pair_id
             for update of l
         )
         update lane l set run_seq = l.pending from woken w where l.pair_id = w.pair_id returning l.pair_id"
    ))
    .bind(mirror.0)
    .bind(run.id)
    .fetch_all(connection)
    .await?;
    Ok(woken)
}

async fn put_tickets(connection: &mut PgConnection, run: &Run, pairs: &[i64]) -> Result<()> {
    sqlx::query(
        "insert into run_ticket (run_id, pair_id, was_new)
         select $1, id, target_ticket is null from pair where id = any($2)
         on conflict do nothing",
    )
    .bind(run.id)
    .bind(pairs)
    .execute(connection)
    .await?;
    Ok(())
}

async fn account(connection: &mut PgConnection, mirror: MirrorId, run: &Run, now: DateTime<Utc>) -> Result<()> {
    sqlx::query(
        "with written as (
             select distinct i.pair_id from intent i join run r on r.id = $1
             where i.id > r.intents_before and i.mirror_id = r.mirror_id and i.state = 'done'
         )
         update run_ticket t
         set outcome = case when l.applied < l.run_seq then 'failed'
                            when t.was_new and p.target_ticket is not null then 'created'
                            when w.pair_id is not null then 'updated'
                            else 'skipped' end,
             why = case when l.applied < l.run_seq then coalesce(
                 (select k.reason from parked k where k.pair_id = p.id and k.decided_at is null and k.blocking limit 1), l.fault) end
         from pair p join lane l on l.pair_id = p.id left join written w on w.pair_id = p.id
         where t.run_id = $1 and p.id = t.pair_id",
    )
    .bind(run.id)
    .execute(&mut *connection)
    .await?;
    let sql = sqlx::AssertSqlSafe(format!(
        "update run r
         set ended_at = $3, created = n.created, updated = n.updated, skipped = n.skipped, failed = n.failed,
             calls = {CALLS} - r.calls_before
         from (select count(*) filter (where outcome = 'created') as created, count(*) filter (where outcome = 'updated') as updated,
                      count(*) filter (where outcome = 'skipped') as skipped, count(*) filter (where outcome = 'failed') as failed
               from run_ticket where run_id = $2) n
         where r.id = $2"
    ));
    sqlx::query(sql).bind(mirror.0).bind(run.id).bind(now).execute(&mut *connection).await?;
    sqlx::query("update lane set run_seq = null where mirror_id = $1 and run_seq is not null")
        .bind(mirror.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "with part as (
             update cutover_window w set reference_time = greatest(w.reference_time, r.read_at)
             from run r where r.id = $2 and w.id = r.window_id
         )
         update mirror m
         set run_carries = false,
             reference_time = case when r.window_id is null then greatest(m.reference_time, r.read_at) else m.reference_time end
         from run r where r.id = $2 and m.id = $1",
    )
    .bind(mirror.0)
    .bind(run.id)
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &PgRow) -> Run {
    Run {
        id: row.get("id"),
        number: row.get("number"),
        window: row.get("window_name"),
        ordered_by: row.get("ordered_by"),
        ordered_at: row.get("ordered_at"),
        at_any_hour: row.get("at_any_hour"),
        rests_since: row.get("rests_since"),
        rested_seconds: row.get("rested_seconds"),
        read_at: row.get("read_at"),
        ended_at: row.get("ended_at"),
        created: row.get("created"),
        updated: row.get("updated"),
        skipped: row.get("skipped"),
        failed: row.get("failed"),
        calls: row.get("calls"),
        tickets: row.get("tickets"),
    }
}
