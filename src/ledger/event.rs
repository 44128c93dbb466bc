//! Change events: hints from any witness, stored once, raising their lanes.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};

use crate::change::{Hint, Origin};
use crate::desk::Side;
use crate::mirror::MirrorId;

use super::Result;

/// Hints of one mirror and side, from one witness.
pub struct Arrival<'a> {
    pub mirror: MirrorId,
    pub side: Side,
    pub origin: Origin,
    pub received_at: DateTime<Utc>,
    pub hints: &'a [Hint],
    /// The delivery that each hint came in, for webhooks; empty for others.
    pub deliveries: &'a [Option<i64>],
}

/// What an arrival came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Raised {
    /// Events that were new.
    pub events: u64,
}

/// The order in which lanes are worked on: smaller first.
pub fn priority_of(origin: Origin) -> i16 {
    match origin {
        Origin::Operator => 0,
        Origin::Webhook | Origin::Poll => 1,
        Origin::Backfill => 5,
        Origin::Sweep => 6,
    }
}

/// Stores the hints that are new and raises their lanes, inside the caller's transaction.
///
/// Lanes are locked in the order of their ids, so that two writers never wait for each other. A hint whose feed stamp is the
/// one that was last hydrated brings nothing new and is left out; so is one whose evidence is known, and one about an act at the
/// following desk that was seen when it was last read: mostly the echo of our own writes.
pub(super) async fn raise(connection: &mut PgConnection, arrival: &Arrival<'_>) -> Result<Raised> {
    if arrival.hints.is_empty() {
        return Ok(Raised::default());
    }
    // First of all: whoever turns the lead of a mirror holds all lanes off, and a pair that is made meanwhile would not be turned.
    sqlx::query("lock table lane in row exclusive mode").execute(&mut *connection).await?;
    let tickets: BTreeSet<&str> = arrival.hints.iter().map(|hint| hint.ticket.as_str()).collect();
    let tickets: Vec<&str> = tickets.into_iter().collect();
    match arrival.side {
        Side::Source => make_pairs(connection, arrival, &tickets).await?,
        Side::Target => make_births(connection, arrival, &tickets).await?,
    }
    lock_lanes(connection, arrival, &tickets).await?;
    let events = insert_events(connection, arrival).await?;
    Ok(Raised { events })
}

async fn make_pairs(connection: &mut PgConnection, arrival: &Arrival<'_>, tickets: &[&str]) -> Result<()> {
    sqlx::query(
        "insert into pair (tenant_id, mirror_id, source_ticket, authority, created_at)
         select m.tenant_id, m.id, t.ticket, m.leads, $3
         from mirror m, unnest($2::text[]) as t(ticket)
         where m.id = $1
         on conflict (mirror_id, source_ticket) do nothing",
    )
    .bind(arrival.mirror.0)
    .bind(tickets)
    .bind(arrival.received_at)
    .execute(&mut *connection)
    .await?;
    make_lanes(connection, arrival, tickets).await
}

/// Tickets that people make in the target, where those are carried to the source. Former tickets of a pair and those that were taken back
/// are known. One that we are making ourselves may be among them: its settlement takes it over.
async fn make_births(connection: &mut PgConnection, arrival: &Arrival<'_>, tickets: &[&str]) -> Result<()> {
    let made = sqlx::query(
        "insert into pair (tenant_id, mirror_id, target_ticket, authority, born, created_at)
         select m.tenant_id, m.id, t.ticket, m.leads, 'target', $3
         from mirror m, unnest($2::text[]) as t(ticket)
         where m.id = $1 and m.phase <> 'rehearsing'
           and (m.leads = 'target' or coalesce((m.config #>> '{policy,tickets_back}')::boolean, false)
               or exists (select 1 from cutover_window w where w.mirror_id = m.id and w.in_file and w.leads = 'target'))
           and not exists (
               select 1 from pair_former f join pair p on p.id = f.pair_id where p.mirror_id = m.id and f.target_ticket = t.ticket)
           and not exists (select 1 from tombstone b where b.mirror_id = m.id and b.kind = 'ticket' and b.target = t.ticket)
         on conflict (mirror_id, target_ticket) do nothing",
    )
    .bind(arrival.mirror.0)
    .bind(tickets)
    .bind(arrival.received_at)
    .execute(&mut *connection)
    .await?;
    if made.rows_affected() == 0 { Ok(()) } else { make_lanes(connection, arrival, tickets).await }
}

async fn make_lanes(connection: &mut PgConnection, arrival: &Arrival<'_>, tickets: &[&str]) -> Result<()> {
    sqlx::query(
        "insert into lane (pair_id, mirror_id, due_at)
         select id, mirror_id, $3
         from pair
         where mirror_id = $1 and ($4 = 'source' and source_ticket = any($2) or $4 = 'target' and target_ticket = any($2))
         order by id
         on conflict (pair_id) do nothing",
    )
    .bind(arrival.mirror.0)
    .bind(tickets)
    .bind(arrival.received_at)
    .bind(arrival.side.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

async fn lock_lanes(connection: &mut PgConnection, arrival: &Arrival<'_>, tickets: &[&str]) -> Result<()> {
    sqlx::query(
        "select l.pair_id
         from lane l join pair p on p.id = l.pair_id
         where p.mirror_id = $1 and case $3 when 'source' then p.source_ticket else p.target_ticket end = any($2)
         order by l.pair_id
         for update of l",
    )
    .bind(arrival.mirror.0)
    .bind(tickets)
    .bind(arrival.side.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

async fn insert_events(connection: &mut PgConnection, arrival: &Arrival<'_>) -> Result<u64> {
    let column = |pick: fn(&Hint) -> Option<&str>| arrival.hints.iter().map(pick).collect::<Vec<_>>();
    let rows = sqlx::query(
        "with hint as (
             select * from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[], $11::bigint[])
                 with ordinality as h(ticket, what, evidence, least_stamp, feed_stamp, happened_at, delivery_id, place)
         ), once as (
             select distinct on (evidence) * from hint order by evidence, place
         ), inserted as (
             insert into change_event (tenant_id, mirror_id, side, ticket, pair_id, seq, origin, what, evidence, least_stamp,
                                       feed_stamp, happened_at, received_at, delivery_id)
             select p.tenant_id, $1, $2, h.ticket, p.id,
                    l.pending + row_number() over (partition by p.id order by h.place),
                    $3, h.what, h.evidence, h.least_stamp, h.feed_stamp, h.happened_at, $10, h.delivery_id
             from once h
             join pair p on p.mirror_id = $1
                 and case $2 when 'source' then p.source_ticket else p.target_ticket end = h.ticket
             join lane l on l.pair_id = p.id
             where (h.feed_stamp is null
                     or h.feed_stamp is distinct from case $2 when 'source' then p.source_feed_stamp else p.target_feed_stamp end)
               and (p.authority = $2 or h.least_stamp is null or not h.least_stamp = any(p.seen_acts))
             on conflict (mirror_id, side, evidence) do nothing
             returning pair_id, seq
         ), raised as (
             update lane l
             set pending = r.top,
                 due_at = case when l.attempts > 0 then l.due_at else least(l.due_at, $10) end,
                 priority = case when l.pending > l.applied then least(l.priority, $12) else $12 end,
                 waiting_since = coalesce(l.waiting_since, $10)
             from (select pair_id, max(seq) as top from inserted group by pair_id) r
             where l.pair_id = r.pair_id
         )
         select count(*) as events from inserted",
    )
    .bind(arrival.mirror.0)
    .bind(arrival.side.as_str())
    .bind(arrival.origin.as_str())
    .bind(column(|hint| Some(hint.ticket.as_str())))
    .bind(column(|hint| Some(hint.what.as_str())))
    .bind(column(|hint| Some(hint.evidence.as_str())))
    .bind(column(|hint| hint.least_stamp.as_deref()))
    .bind(column(|hint| hint.feed_stamp.as_deref()))
    .bind(arrival.hints.iter().map(|hint| hint.at).collect::<Vec<_>>())
    .bind(arrival.received_at)
    .bind(arrival.deliveries)
    .bind(priority_of(arrival.origin))
    .fetch_one(connection)
    .await?;
    let events: i64 = rows.get("events");
    Ok(events.unsigned_abs())
}
