//! Status: figures of a mirror as people read them, all from the durable ledger.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;

use crate::desk::Side;
use crate::mirror::MirrorId;

use super::leak::Leaks;
use super::sample::carried;
use super::sight::Blind;
use super::{Ledger, Result};

/// Where a mirror stands.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    pub tickets: i64,
    pub copied: i64,
    pub messages: i64,
    pub incomplete: i64,
    /// Lanes with work, blocked ones left out.
    pub waiting: i64,
    /// Tickets that changed and rest: only a sample was copied so far, or the next run carries them.
    pub resting: i64,
    /// Tickets of that sample.
    pub sample: i64,
    /// Seconds since the oldest waiting event was received.
    pub oldest_seconds: f64,
    pub parked: i64,
    pub conflicts: i64,
    pub events: BTreeMap<String, i64>,
    pub missed: i64,
    /// Desks whose credential has lost sight of its tickets.
    pub blind: Vec<Blind>,
    /// Whether the target told anybody because of us.
    pub leaks: Leaks,
    pub lag: Lag,
    pub figures: BTreeMap<String, i64>,
    pub source: Feed,
    pub target: Feed,
}

/// How one desk is listened to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Feed {
    pub polled_at: Option<DateTime<Utc>>,
    /// The desk's clock.
    pub seen_up_to: Option<DateTime<Utc>>,
    pub poll_fault: Option<String>,
    /// The poll sees changes, and no delivery has come since: the webhook is silent.
    pub webhook_silent: bool,
}

/// Seconds from the receipt of a live event (webhook or poll) to its commit as applied.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Lag {
    pub events: i64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

impl Ledger {
    /// Reads the whole status of a mirror.
    pub async fn status(&self, mirror: MirrorId, now: DateTime<Utc>) -> Result<Status> {
        let row = sqlx::query(concat!(
            "select
                 (select count(*) from pair where mirror_id = $1 and state <> 'outside') as tickets,
                 (select count(*) from pair where mirror_id = $1 and target_ticket is not null) as copied,
                 (select count(*) from message_link where mirror_id = $1) as messages,
                 (select count(*) from pair where mirror_id = $1 and incomplete_why is not null) as incomplete,
                 (select count(*) from lane l join mirror m on m.id = l.mirror_id where l.mirror_id = $1 and not l.blocked
                     and (l.pending > l.applied or l.look_again_at is not null) and ",
            carried!(),
            ") as waiting,
                 (select greatest(extract(epoch from $2 - min(l.waiting_since)), 0)::float8
                     from lane l join mirror m on m.id = l.mirror_id
                     where l.mirror_id = $1 and not l.blocked and l.pending > l.applied and ",
            carried!(),
            ") as oldest,
                 (select count(*) from lane l join mirror m on m.id = l.mirror_id
                     where l.mirror_id = $1 and l.pending > l.applied and not ",
            carried!(),
            ") as resting,
                 (select count(*) from sample where mirror_id = $1) as sample,
                 (select count(*) from parked where mirror_id = $1 and decided_at is null) as parked,
                 (select count(*) from conflict where mirror_id = $1) as conflicts,
                 (select count(*) from change_event where mirror_id = $1 and missed) as missed"
        ))
        .bind(mirror.0)
        .bind(now)
        .fetch_one(&self.pool)
        .await?;
        Ok(Status {
            tickets: row.get("tickets"),
            copied: row.get("copied"),
            messages: row.get("messages"),
            incomplete: row.get("incomplete"),
            waiting: row.get("waiting"),
            resting: row.get("resting"),
            sample: row.get("sample"),
            oldest_seconds: row.get("oldest"),
            parked: row.get("parked"),
            conflicts: row.get("conflicts"),
            missed: row.get("missed"),
            blind: self.blind(mirror).await?,
            leaks: self.leak_status(mirror).await?,
            events: self.events_by_origin(mirror).await?,
            lag: self.lag(mirror).await?,
            figures: self.figures(mirror).await?,
            source: self.feed(mirror, Side::Source).await?,
            target: self.feed(mirror, Side::Target).await?,
        })
    }

    async fn feed(&self, mirror: MirrorId, side: Side) -> Result<Feed> {
        let row = sqlx::query(
            "select polled_at, seen_up_to, fault from watermark where mirror_id = $1 and side = $2 and feed = 'changes'",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .fetch_optional(&self.pool)
        .await?;
        let webhook_silent = self.webhook_silent(mirror, side).await?;
        let read = |row: sqlx::postgres::PgRow| Feed {
            polled_at: row.get("polled_at"),
            seen_up_to: row.get("seen_up_to"),
            poll_fault: row.get("fault"),
            webhook_silent,
        };
        Ok(row.map(read).unwrap_or_default())
    }

    async fn events_by_origin(&self, mirror: MirrorId) -> Result<BTreeMap<String, i64>> {
        let rows = sqlx::query("select origin, count(*) as n from change_event where mirror_id = $1 group by origin")
            .bind(mirror.0)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(|row| (row.get("origin"), row.get("n"))).collect())
    }

    async fn lag(&self, mirror: MirrorId) -> Result<Lag> {
        let row = sqlx::query(
            "with lag as (
                 select extract(epoch from applied_at - received_at)::float8 as seconds
                 from change_event
                 where mirror_id = $1 and origin in ('webhook', 'poll') and applied_at is not null
             )
             select count(*) as events,
                    coalesce(percentile_cont(0.5) within group (order by seconds), 0) as p50,
                    coalesce(percentile_cont(0.95) within group (order by seconds), 0) as p95,
                    coalesce(percentile_cont(0.99) within group (order by seconds), 0) as p99,
                    coalesce(max(seconds), 0) as max
             from lag",
        )
        .bind(mirror.0)
        .fetch_one(&self.pool)
        .await?;
        Ok(Lag { events: row.get("events"), p50: row.get("p50"), p95: row.get("p95"), p99: row.get("p99"), max: row.get("max") })
    }
}

impl Ledger {
    /// Why lanes wait, the most frequent first: up to ten sentences.
    pub async fn faults(&self, mirror: MirrorId) -> Result<Vec<String>> {
        let rows = sqlx::query(
            "select count(*) as n, fault_kind, min(fault) as fault
             from lane
             where mirror_id = $1 and fault is not null
             group by fault_kind
             order by n desc
             limit 10",
        )
        .bind(mirror.0)
        .fetch_all(&self.pool)
        .await?;
        let sentence = |row: sqlx::postgres::PgRow| {
            let (n, kind, fault): (i64, Option<String>, String) = (row.get("n"), row.get("fault_kind"), row.get("fault"));
            format!("{n} × {}: {fault}", kind.unwrap_or_default())
        };
        Ok(rows.into_iter().map(sentence).collect())
    }
}
