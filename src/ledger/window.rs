//! Windows: which tickets are in which, who leads there, and how tickets move between them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value as Json;
use sqlx::{PgConnection, Row};

use crate::change::Origin;
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::desk::window::REST;
use crate::mirror::MirrorId;

use super::event::priority_of;
use super::lane::Claim;
use super::pair::side_of;
use super::sample::carried;
use super::{Error, Ledger, Result};

/// The condition on pair `p` that a switch of the windows `$2` (null: of everything) has to account for it: it is in one of them, or nobody
/// can tell yet in which it is.
macro_rules! within {
    () => {
        " ($2::bigint[] is null or p.window_id is null or p.window_id = any($2)) "
    };
}
pub(super) use within;

/// A window as it is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub id: i64,
    pub name: String,
    /// Which desk leads its tickets, and those that come into it.
    pub leads: Side,
}

/// Where a window stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WindowStatus {
    pub id: i64,
    pub name: String,
    /// Which desk leads its tickets, and those that come into it.
    pub leads: Side,
    /// When that was last turned.
    pub turned_at: Option<DateTime<Utc>>,
    /// Start of the last read that was carried whole: by a run of it alone, or with the rest of the mirror.
    pub reference_time: Option<DateTime<Utc>>,
    pub tickets: i64,
    /// Tickets of it that the other desk leads: they were left behind, or are being handed over.
    pub astray: i64,
    /// Lanes with work, blocked ones left out.
    pub waiting: i64,
    /// Seconds since the oldest waiting event was received.
    pub oldest_seconds: f64,
    pub parked: i64,
    /// Fields that wait for a decision.
    pub undecided: i64,
    /// Tickets that came from other windows, and that left for others.
    pub moved_in: i64,
    pub moved_out: i64,
}

/// A ticket went from one window into another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    pub source_ticket: Option<TicketId>,
    pub target_ticket: Option<TicketId>,
    pub from: String,
    pub to: String,
    /// Who led before and after: where they differ the lead went with the ticket.
    pub led_by: Side,
    pub leads: Side,
    pub at: DateTime<Utc>,
}

impl Ledger {
    /// The moment since which a run carries what changed, of a mirror or of one of its windows. `None`: there was no copy.
    pub async fn reference(&self, mirror: MirrorId, window: Option<i64>) -> Result<Option<DateTime<Utc>>> {
        let reference = sqlx::query_scalar(
            "select greatest(w.reference_time, m.reference_time)
             from mirror m left join cutover_window w on w.mirror_id = m.id and w.id = $2 where m.id = $1",
        )
        .bind(mirror.0)
        .bind(window)
        .fetch_one(&self.pool)
        .await?;
        Ok(reference)
    }

    /// The windows of a mirror with their own accounts, in the order in which they were named. Empty where it has none.
    pub async fn windows(&self, mirror: MirrorId, now: DateTime<Utc>) -> Result<Vec<WindowStatus>> {
        let rows = sqlx::query(concat!(
            "with one as (
                 select p.window_id, p.authority, l.pending > l.applied and not l.blocked and ",
            carried!(),
            " as waits, l.waiting_since,
                        (select count(*) from parked k where k.pair_id = p.id and k.decided_at is null) as parked,
                        (select count(*) from conflict c
                         where c.pair_id = p.id and c.winner = 'undecided' and c.closed_at is null) as undecided
                 from pair p join lane l on l.pair_id = p.id join mirror m on m.id = p.mirror_id
                 where p.mirror_id = $1 and p.window_id is not null and p.state <> 'outside'
             )
             select w.id, w.name, w.leads, w.turned_at,
                    greatest(w.reference_time, m.reference_time) as reference_time, count(o.window_id) as tickets,
                    count(*) filter (where o.authority <> w.leads) as astray, count(*) filter (where o.waits) as waiting,
                    greatest(extract(epoch from $2 - min(o.waiting_since) filter (where o.waits)), 0)::float8 as oldest,
                    coalesce(sum(o.parked), 0)::bigint as parked, coalesce(sum(o.undecided), 0)::bigint as undecided,
                    (select count(*) from window_move v where v.mirror_id = $1 and v.to_window = w.name) as moved_in,
                    (select count(*) from window_move v where v.mirror_id = $1 and v.from_window = w.name) as moved_out
             from cutover_window w join mirror m on m.id = w.mirror_id left join one o on o.window_id = w.id
             where w.mirror_id = $1 and w.in_file
             group by w.id, m.reference_time
             order by w.name = $3, w.id"
        ))
        .bind(mirror.0)
        .bind(now)
        .bind(REST)
        .fetch_all(&self.pool)
        .await?;
        let read = |row: sqlx::postgres::PgRow| WindowStatus {
            id: row.get("id"),
            name: row.get("name"),
            leads: side_of(row.get("leads")),
            turned_at: row.get("turned_at"),
            reference_time: row.get("reference_time"),
            tickets: row.get("tickets"),
            astray: row.get("astray"),
            waiting: row.get("waiting"),
            oldest_seconds: row.get("oldest"),
            parked: row.get("parked"),
            undecided: row.get("undecided"),
            moved_in: row.get("moved_in"),
            moved_out: row.get("moved_out"),
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// The windows that the mirror file names, in its order, and the rest. Empty where it names none.
    pub async fn parts(&self, mirror: MirrorId) -> Result<Vec<Part>> {
        let sql = "select id, name, leads from cutover_window where mirror_id = $1 and in_file order by name = $2, id";
        let rows = sqlx::query(sql).bind(mirror.0).bind(REST).fetch_all(&self.pool).await?;
        let part =
            |row: sqlx::postgres::PgRow| Part { id: row.get("id"), name: row.get("name"), leads: side_of(row.get("leads")) };
        Ok(rows.into_iter().map(part).collect())
    }

    /// Tickets that moved between windows, the first one first.
    pub async fn window_moves(&self, mirror: MirrorId) -> Result<Vec<Move>> {
        let rows = sqlx::query(
            "select p.source_ticket, p.target_ticket, v.from_window, v.to_window, v.led_by, v.leads, v.at
             from window_move v join pair p on p.id = v.pair_id
             where v.mirror_id = $1
             order by v.id",
        )
        .bind(mirror.0)
        .fetch_all(&self.pool)
        .await?;
        let ticket = |id: Option<String>| id.map(TicketId::new);
        let read = |row: sqlx::postgres::PgRow| Move {
            source_ticket: ticket(row.get("source_ticket")),
            target_ticket: ticket(row.get("target_ticket")),
            from: row.get("from_window"),
            to: row.get("to_window"),
            led_by: side_of(row.get("led_by")),
            leads: side_of(row.get("leads")),
            at: row.get("at"),
        };
        Ok(rows.into_iter().map(read).collect())
    }
}

/// Makes the windows of a mirror file that are not there yet, inside the caller's transaction. Where they are other ones than before, every
/// ticket is looked at again, after all other work: which window has it is told by its leading desk. Errors: `Windows`.
pub(super) async fn keep_windows(
    connection: &mut PgConnection,
    mirror: MirrorId,
    (before, after): (Option<&Json>, Option<&Json>),
    now: DateTime<Utc>,
) -> Result<()> {
    let windows = after.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<&str> = windows.iter().filter_map(|window| window.get("name")?.as_str()).collect();
    if !names.is_empty() {
        names.push(REST);
    }
    let changed = before != after && (before.is_some() || !names.is_empty());
    if changed && is_apart(connection, mirror).await? {
        return Err(Error::Windows);
    }
    if changed {
        sqlx::query("update cutover_window set in_file = false where mirror_id = $1")
            .bind(mirror.0)
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "insert into cutover_window (tenant_id, mirror_id, name, leads)
             select m.tenant_id, m.id, n.name, m.leads
             from mirror m, unnest($2::text[]) with ordinality as n(name, place)
             where m.id = $1
             order by n.place
             on conflict (mirror_id, name) do update set in_file = true, leads = excluded.leads",
        )
        .bind(mirror.0)
        .bind(&names)
        .execute(&mut *connection)
        .await?;
    }
    if !changed {
        return Ok(());
    }
    sqlx::query(
        "with placed as (
             select id from pair where mirror_id = $1 and state not in ('merged', 'deleted', 'outside') order by id
         ), gone as (
             update pair set window_id = null where mirror_id = $1 and window_id is not null and cardinality($4::text[]) = 0
         )
         update lane l
         set pending = l.pending + 1, due_at = least(l.due_at, $2),
             priority = case when l.pending > l.applied then l.priority else $3 end
         from placed where l.pair_id = placed.id and cardinality($4::text[]) > 0",
    )
    .bind(mirror.0)
    .bind(now)
    .bind(priority_of(Origin::Sweep))
    .bind(names)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether one desk leads some windows and the other one the others, or a switch is about to turn some.
async fn is_apart(connection: &mut PgConnection, mirror: MirrorId) -> Result<bool> {
    let apart = sqlx::query_scalar(
        "select count(distinct leads) > 1
                or exists (select from switch where mirror_id = $1 and ended_at is null and kind in ('go', 'back'))
         from cutover_window where mirror_id = $1 and in_file",
    );
    Ok(apart.bind(mirror.0).fetch_one(connection).await?)
}

/// Puts a settled pair into its window. Where another desk leads there, the lead goes with it, in the commit that settled what both desks
/// say, and the ticket is looked at once more from that side: whoever touched it there meanwhile is seen.
pub(super) async fn place(connection: &mut PgConnection, claim: &Claim, window: &str, now: DateTime<Utc>) -> Result<()> {
    let moved = sqlx::query(
        "with place as (
             select p.id, p.mirror_id, o.name as former, w.id as window_id, w.name, p.authority as led_by, w.leads
             from pair p join cutover_window w on w.mirror_id = p.mirror_id and w.name = $2
             left join cutover_window o on o.id = p.window_id
             where p.id = $1 and p.window_id is distinct from w.id
         ), noted as (
             insert into window_move (mirror_id, pair_id, from_window, to_window, led_by, leads, at)
             select mirror_id, id, coalesce(former, name), name, led_by, leads, $3 from place where former is not null
         )
         update pair p
         set window_id = c.window_id, authority = c.leads, seen_acts = case when c.leads = c.led_by then p.seen_acts else '{}' end,
             turned_at = case when c.leads = c.led_by then p.turned_at else $3 end
         from place c where p.id = c.id
         returning c.leads <> c.led_by as turned",
    )
    .bind(claim.pair.0)
    .bind(window)
    .bind(now)
    .fetch_optional(&mut *connection)
    .await?;
    if moved.is_some_and(|row| row.get("turned")) {
        sqlx::query("update lane set pending = pending + 1, due_at = least(due_at, $2) where pair_id = $1")
            .bind(claim.pair.0)
            .bind(now)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Notes who leads a window, or all of a mirror, in the transaction that turns its tickets. Where the target leads any, tickets that people
/// make there are made in the source too. Returns whether this desk leads everything now.
pub(super) async fn lead(
    connection: &mut PgConnection,
    mirror: MirrorId,
    window: Option<i64>,
    to: Side,
    now: DateTime<Utc>,
) -> Result<bool> {
    sqlx::query(
        "update cutover_window set leads = $3, turned_at = $4 where mirror_id = $1 and ($2::bigint is null or id = $2) and leads <> $3",
    )
    .bind(mirror.0)
    .bind(window)
    .bind(to.as_str())
    .bind(now)
    .execute(&mut *connection)
    .await?;
    let whole = sqlx::query_scalar(
        "with others as (
             select not exists (select from cutover_window where mirror_id = $1 and in_file and leads <> $2) as none
         )
         update mirror
         set leads = case when o.none then $2 else 'source' end,
             births_since = coalesce(births_since, case $2 when 'target' then $3::timestamptz end)
         from others o
         where id = $1
         returning o.none",
    );
    Ok(whole.bind(mirror.0).bind(to.as_str()).bind(now).fetch_one(connection).await?)
}
