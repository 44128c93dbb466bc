//! Switches of who leads: their runs, the steps of each, and the sequence that one waits for.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::desk::Side;
use crate::mirror::{MirrorId, Phase};

use super::authority::{Turned, Which, turn};
use super::pair::side_of;
use super::window::within;
use super::{Error, Ledger, Result};

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Everything but the switch.
    Rehearsal,
    /// The target is to lead.
    Go,
    /// The source is to lead again.
    Back,
    /// The mirror ends.
    Retire,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Rehearsal, Kind::Go, Kind::Back, Kind::Retire];

    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Rehearsal => "rehearsal",
            Kind::Go => "go",
            Kind::Back => "back",
            Kind::Retire => "retire",
        }
    }

    /// The switch after which this desk leads.
    pub fn towards(side: Side) -> Kind {
        match side {
            Side::Source => Kind::Back,
            Side::Target => Kind::Go,
        }
    }

    /// The option of `tidegate cutover` that asks for it.
    pub fn verb(self) -> &'static str {
        match self {
            Kind::Rehearsal => "rehearse",
            other => other.as_str(),
        }
    }

    /// All options of `tidegate cutover` that ask for it, of a window or of everything.
    pub fn options(self, window: Option<&str>) -> String {
        let window = window.map(|name| format!(" --window {name}")).unwrap_or_default();
        format!("--{}{window}", self.verb())
    }
}

/// Who asked for a run, and what it may pass by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub kind: Kind,
    /// The desk that is to lead.
    pub to: Side,
    /// A part of the tickets; `None`: all that the other desk leads.
    pub window: Option<i64>,
    pub who: String,
    /// Gates that are passed by; `all`: every one.
    pub waived: Vec<String>,
    pub reason: Option<String>,
}

/// A run as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    pub id: i64,
    pub kind: Kind,
    pub to: Side,
    /// The window that was asked for.
    pub window: Option<i64>,
    /// The windows that it is about, as it was when it began; `None`: every ticket of the mirror.
    pub windows: Option<Vec<i64>>,
    /// Their names; none where it is about every ticket.
    pub names: Vec<String>,
    pub who: String,
    pub waived: Vec<String>,
    pub reason: Option<String>,
    pub began_at: DateTime<Utc>,
    /// The authority has changed.
    pub turned_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    /// `done`, `refused` or `undone`.
    pub outcome: Option<String>,
}

impl Run {
    /// Whether it is about this window; `None`: about any part of the mirror.
    pub fn concerns(&self, window: Option<i64>) -> bool {
        self.windows.as_ref().is_none_or(|windows| window.is_none_or(|window| windows.contains(&window)))
    }

    /// The options of `tidegate cutover` that go on with it.
    pub fn options(&self) -> String {
        self.kind.options(self.names.first().filter(|_| self.window.is_some()).map(String::as_str))
    }
}

/// What a run still waits for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Behind {
    /// Tickets below their mark; parked ones are left out.
    pub tickets: i64,
    /// Up to five of them by old number, with what went wrong last.
    pub examples: Vec<String>,
}

const COLUMNS: &str = "id, kind, to_side, window_id, windows, who, waived, reason, began_at, turned_at, ended_at, outcome,
    array(select w.name from cutover_window w where w.id = any(switch.windows) order by w.id) as names";

impl Ledger {
    /// Begins a run, or takes up the one of the same kind and window that is under way: what it passes by now is added to what it passed by
    /// before. A rehearsal that was left lying is over. Errors in the answer: the other run that is in the way.
    pub async fn begin_switch(&self, mirror: MirrorId, wish: &Wish, now: DateTime<Utc>) -> Result<std::result::Result<Run, Run>> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("select 1 from mirror where id = $1 for update").bind(mirror.0).execute(&mut *transaction).await?;
        sqlx::query(
            "update switch set ended_at = $2, outcome = 'undone'
             where mirror_id = $1 and ended_at is null and kind in ('rehearsal', 'retire')",
        )
        .bind(mirror.0)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        if let Some(open) = open_run(&mut transaction, mirror).await? {
            let same = open.kind == wish.kind && open.window == wish.window;
            let open = if same { add_waivers(&mut transaction, open, wish).await? } else { open };
            transaction.commit().await?;
            return Ok(if same { Ok(open) } else { Err(open) });
        }
        let run = insert_run(&mut transaction, mirror, wish, now).await?;
        if matches!(wish.kind, Kind::Go | Kind::Back) {
            sqlx::query("update mirror set phase = $2 where id = $1")
                .bind(mirror.0)
                .bind(Phase::Switching.as_str())
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(Ok(run))
    }

    /// The run that is under way.
    pub async fn open_switch(&self, mirror: MirrorId) -> Result<Option<Run>> {
        open_run(&mut *self.pool.acquire().await?, mirror).await
    }

    /// All runs of a mirror, the latest first.
    pub async fn switches(&self, mirror: MirrorId) -> Result<Vec<Run>> {
        let sql = sqlx::AssertSqlSafe(format!("select {COLUMNS} from switch where mirror_id = $1 order by id desc"));
        let rows = sqlx::query(sql).bind(mirror.0).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// Records what a step came to, in place of what it came to before.
    pub async fn note_step(&self, run: &Run, step: &str, detail: &Json, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(
            "insert into switch_step (switch_id, step, detail, done_at) values ($1, $2, $3, $4)
             on conflict (switch_id, step) do update set detail = excluded.detail, done_at = excluded.done_at",
        )
        .bind(run.id)
        .bind(step)
        .bind(detail)
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What the steps of a run came to, in their order.
    pub async fn steps(&self, run: &Run) -> Result<Vec<(String, Json)>> {
        let rows = sqlx::query("select step, detail from switch_step where switch_id = $1 order by done_at, step")
            .bind(run.id)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(|row| (row.get("step"), row.get("detail"))).collect())
    }

    /// Marks the sequence: every lane that has work at this instant, with how far it has to be applied. Lanes without work are past any
    /// mark. A second look that is ordered counts as one more. Returns how many lanes there are to wait for.
    pub async fn mark(&self, mirror: MirrorId, run: &Run) -> Result<i64> {
        let mut transaction = self.pool.begin().await?;
        unmark(&mut transaction, run).await?;
        let marked = mark(&mut transaction, mirror, run, None).await?;
        transaction.commit().await?;
        Ok(marked)
    }

    /// What of the marked sequence is not applied yet. A lane that has come to rest meanwhile has applied everything.
    pub async fn behind(&self, run: &Run) -> Result<Behind> {
        let row = sqlx::query(
            "with behind as (
                 select coalesce(p.source_ticket, p.target_ticket) as ticket, l.fault, l.look_again_at, l.pending = l.applied as held
                 from switch_mark k join lane l on l.pair_id = k.pair_id join pair p on p.id = k.pair_id
                 where k.switch_id = $1 and not l.blocked and l.applied < k.seq
                   and not (l.pending = l.applied and l.look_again_at is null and l.lease_owner is null)
             )
             select (select count(*) from behind) as tickets,
                    array(select ticket || case when fault is not null then ': ' || fault
                              when held and look_again_at is not null
                                  then ': it is looked at again at ' || to_char(look_again_at at time zone 'utc', 'HH24:MI:SS UTC')
                              else '' end
                          from behind order by fault is null, ticket limit 5) as examples",
        )
        .bind(run.id)
        .fetch_one(&self.pool)
        .await?;
        Ok(Behind { tickets: row.get("tickets"), examples: row.get("examples") })
    }

    /// Changes the authority, in one transaction with the run and the mirror's phase. What the other desk said until then of tickets that are
    /// late is marked; called again it turns those of which that is applied, whatever was said since.
    pub async fn turn_switch(&self, mirror: MirrorId, run: &Run, now: DateTime<Utc>) -> Result<Turned> {
        let mut transaction = self.pool.begin().await?;
        let begins: bool = sqlx::query_scalar(
            "update switch s set turned_at = coalesce(s.turned_at, $2) from switch before
             where s.id = $1 and before.id = s.id
             returning before.turned_at is null",
        )
        .bind(run.id)
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        if begins {
            unmark(&mut transaction, run).await?;
        }
        let turned = turn(&mut transaction, mirror, run.window, (run.to, Which::AtRest { run: run.id }), now).await?;
        if begins {
            mark(&mut transaction, mirror, run, Some(run.to)).await?;
        }
        settle_phase(&mut transaction, mirror).await?;
        transaction.commit().await?;
        Ok(turned)
    }

    /// Ends a run. One that has not turned anything leaves the mirror as it was.
    pub async fn end_switch(&self, mirror: MirrorId, run: &Run, outcome: &str, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("update switch set ended_at = $2, outcome = $3 where id = $1 and ended_at is null")
            .bind(run.id)
            .bind(now)
            .bind(outcome)
            .execute(&mut *transaction)
            .await?;
        if matches!(run.kind, Kind::Go | Kind::Back) {
            settle_phase(&mut transaction, mirror).await?;
        }
        unmark(&mut transaction, run).await?;
        transaction.commit().await?;
        Ok(())
    }
}

async fn unmark(connection: &mut PgConnection, run: &Run) -> Result<()> {
    sqlx::query("delete from switch_mark where switch_id = $1").bind(run.id).execute(connection).await?;
    Ok(())
}

/// Marks how far each lane that has work has to be applied; `but`: none of those that this desk leads. Returns how many there are.
async fn mark(connection: &mut PgConnection, mirror: MirrorId, run: &Run, but: Option<Side>) -> Result<i64> {
    let marked = sqlx::query(concat!(
        "insert into switch_mark (switch_id, pair_id, seq)
         select $3, l.pair_id, l.pending + (l.look_again_at is not null)::int
         from lane l join pair p on p.id = l.pair_id
         where l.mirror_id = $1 and (l.pending > l.applied or l.look_again_at is not null or l.lease_owner is not null)
           and p.authority is distinct from $4 and ",
        within!()
    ))
    .bind(mirror.0)
    .bind(&run.windows)
    .bind(run.id)
    .bind(but.map(Side::as_str))
    .execute(connection)
    .await?;
    Ok(i64::try_from(marked.rows_affected()).unwrap_or(i64::MAX))
}

/// Puts the mirror into the phase that follows from who leads.
async fn settle_phase(connection: &mut PgConnection, mirror: MirrorId) -> Result<()> {
    sqlx::query(
        "update mirror m
         set phase = case when leads = 'target' then $2
                          when exists (select from cutover_window w where w.mirror_id = m.id and w.in_file and w.leads = 'target') then $3
                          else $4 end
         where id = $1",
    )
    .bind(mirror.0)
    .bind(Phase::Switched.as_str())
    .bind(Phase::PartlySwitched.as_str())
    .bind(Phase::Mirroring.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// What whoever takes a run up passes by, and why, beside what was passed by before.
async fn add_waivers(connection: &mut PgConnection, open: Run, wish: &Wish) -> Result<Run> {
    let reason = match (&open.reason, &wish.reason) {
        (Some(before), Some(now)) if before.contains(now.as_str()) => before.clone(),
        (Some(before), Some(now)) => format!("{before}; {}: {now}", wish.who),
        (None, Some(now)) if open.who != wish.who => format!("{}: {now}", wish.who),
        (before, now) => match before.as_ref().or(now.as_ref()) {
            Some(reason) => reason.clone(),
            None => return Ok(open),
        },
    };
    let mut waived = open.waived.clone();
    waived.extend(wish.waived.iter().filter(|gate| !open.waived.contains(gate)).cloned());
    sqlx::query("update switch set waived = $2, reason = $3 where id = $1")
        .bind(open.id)
        .bind(&waived)
        .bind(&reason)
        .execute(connection)
        .await?;
    Ok(Run { waived, reason: Some(reason), ..open })
}

async fn open_run(connection: &mut PgConnection, mirror: MirrorId) -> Result<Option<Run>> {
    let sql = sqlx::AssertSqlSafe(format!("select {COLUMNS} from switch where mirror_id = $1 and ended_at is null"));
    let row = sqlx::query(sql).bind(mirror.0).fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

async fn insert_run(connection: &mut PgConnection, mirror: MirrorId, wish: &Wish, now: DateTime<Utc>) -> Result<Run> {
    let sql = sqlx::AssertSqlSafe(format!(
        "with part as (
             select id, leads from cutover_window where mirror_id = $1 and in_file
         )
         insert into switch (tenant_id, mirror_id, window_id, kind, to_side, waived, reason, who, began_at, windows)
         select tenant_id, id, $2, $3, $4, $5, $6, $7, $8,
                case when $2::bigint is not null or exists (select from part where leads = $4)
                     then array(select id from part where leads <> $4 and ($2::bigint is null or id = $2) order by id) end
         from mirror where id = $1
         returning {COLUMNS}"
    ));
    let row = sqlx::query(sql)
        .bind(mirror.0)
        .bind(wish.window)
        .bind(wish.kind.as_str())
        .bind(wish.to.as_str())
        .bind(&wish.waived)
        .bind(&wish.reason)
        .bind(&wish.who)
        .bind(now)
        .fetch_one(connection)
        .await?;
    read(&row)
}

fn read(row: &PgRow) -> Result<Run> {
    let kind: String = row.get("kind");
    Ok(Run {
        id: row.get("id"),
        kind: Kind::ALL
            .into_iter()
            .find(|known| known.as_str() == kind)
            .ok_or_else(|| Error::Unreadable { what: "a switch's kind".into(), why: kind })?,
        to: side_of(row.get("to_side")),
        window: row.get("window_id"),
        windows: row.get("windows"),
        names: row.get("names"),
        who: row.get("who"),
        waived: row.get("waived"),
        reason: row.get("reason"),
        began_at: row.get("began_at"),
        turned_at: row.get("turned_at"),
        ended_at: row.get("ended_at"),
        outcome: row.get("outcome"),
    })
}
