//! Feeds: polls, listings and the webhook witness.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;

use crate::change::{ChangePage, Cursor, ListPage, Origin};
use crate::clock::delta;
use crate::desk::Side;
use crate::mirror::MirrorId;

use super::event::{Arrival, Raised, raise};
use super::{Ledger, Result};

/// Where a feed stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Watermark {
    pub cursor: Cursor,
    pub seen_up_to: DateTime<Utc>,
    pub polled_at: DateTime<Utc>,
    /// The ledger went back in time: the poll has to begin again here.
    pub rewind_to: Option<DateTime<Utc>>,
}

/// One run of the full copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Backfill {
    pub id: i64,
    pub started_at: DateTime<Utc>,
    pub cursor: Option<Cursor>,
    pub listed: i64,
    pub total: Option<i64>,
    pub listing_done_at: Option<DateTime<Utc>>,
}

/// What the webhook witness last said.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct Witness {
    pub registration: Option<String>,
    pub registered_at: Option<DateTime<Utc>>,
    pub last_delivery_at: Option<DateTime<Utc>>,
    pub last_rejection_at: Option<DateTime<Utc>>,
    pub last_rejection: Option<String>,
    pub rejections: i64,
    /// The operator took it away.
    pub removed_at: Option<DateTime<Utc>>,
    /// The operator wants it to be looked at.
    pub asked_at: Option<DateTime<Utc>>,
    /// When a gateway last said that it listens.
    pub heard_at: Option<DateTime<Utc>>,
    /// Since when a gateway takes the newest secret, and the last deliveries that it and a former one proved.
    pub secret_since: Option<DateTime<Utc>>,
    pub newest_at: Option<DateTime<Utc>>,
    pub former_at: Option<DateTime<Utc>>,
    /// The last self-test, its verdict in a word, and in words.
    pub tested_at: Option<DateTime<Utc>>,
    pub verdict: Option<String>,
    pub verdict_why: Option<String>,
}

impl Ledger {
    /// Where the poll of a side stands; `None` before the first.
    pub async fn watermark(&self, mirror: MirrorId, side: Side) -> Result<Option<Watermark>> {
        let row = sqlx::query(
            "select cursor, seen_up_to, polled_at, rewind_to from watermark where mirror_id = $1 and side = $2 and feed = 'changes'",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .fetch_optional(&self.pool)
        .await?;
        let read = |row: sqlx::postgres::PgRow| Watermark {
            cursor: Cursor(row.get("cursor")),
            seen_up_to: row.get("seen_up_to"),
            polled_at: row.get("polled_at"),
            rewind_to: row.get("rewind_to"),
        };
        Ok(row.map(read))
    }

    /// Sets the watermark back, once after each recovery.
    pub async fn rewind_watermark(&self, mirror: MirrorId, side: Side, cursor: &Cursor) -> Result<()> {
        sqlx::query(
            "update watermark set cursor = $3, rewind_to = null
             where mirror_id = $1 and side = $2 and feed = 'changes' and rewind_to is not null",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(&cursor.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Sets the first watermark; a later call changes nothing.
    pub async fn start_watermark(&self, mirror: MirrorId, side: Side, cursor: &Cursor, at: DateTime<Utc>) -> Result<()> {
        sqlx::query(
            "insert into watermark (mirror_id, side, feed, cursor, seen_up_to, polled_at) values ($1, $2, 'changes', $3, $4, $4)
             on conflict do nothing",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(&cursor.0)
        .bind(at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Takes in a page of changes: hints and watermark in one commit. A page read from another cursor than the stored one is
    /// taken in too, but the watermark stays: another process was faster.
    pub async fn take_changes(
        &self,
        mirror: MirrorId,
        side: Side,
        from: &Cursor,
        page: &ChangePage,
        now: DateTime<Utc>,
    ) -> Result<Raised> {
        let mut transaction = self.pool.begin().await?;
        let arrival = Arrival { mirror, side, origin: Origin::Poll, received_at: now, hints: &page.hints, deliveries: &[] };
        let raised = raise(&mut transaction, &arrival).await?;
        sqlx::query(
            "update watermark
             set cursor = $4, seen_up_to = greatest(seen_up_to, $5), polled_at = $6, fault = null, failing_since = null
             where mirror_id = $1 and side = $2 and feed = 'changes' and cursor = $3",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(&from.0)
        .bind(&page.next.0)
        .bind(page.seen_up_to)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(raised)
    }

    /// Notes that a poll failed.
    pub async fn poll_failed(&self, mirror: MirrorId, side: Side, fault: &str, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(
            "update watermark set fault = $3, failing_since = coalesce(failing_since, $4)
             where mirror_id = $1 and side = $2 and feed = 'changes'",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(fault)
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Judges polled events that are older than the vendor's own retry time: missed, if no webhook told of the same ticket since
    /// shortly before the change. Returns how many were missed.
    pub async fn judge_polled(&self, mirror: MirrorId, side: Side, retry: Duration, now: DateTime<Utc>) -> Result<i64> {
        let missed = sqlx::query_scalar(
            "with judged as (
                 update change_event p
                 set missed = not exists (
                     select 1 from change_event w
                     where w.mirror_id = p.mirror_id and w.side = p.side and w.ticket = p.ticket and w.origin = 'webhook'
                       and w.happened_at >= p.happened_at - interval '2 seconds')
                   and not exists (
                     select from witness v where v.mirror_id = p.mirror_id and v.side = p.side and v.removed_at is not null)
                 where p.mirror_id = $1 and p.side = $2 and p.origin = 'poll' and p.missed is null and p.received_at <= $3
                 returning missed
             ), counted as (
                 insert into figure (mirror_id, name, value)
                 select $1, 'webhooks missed', count(*) from judged where missed having count(*) > 0
                 on conflict (mirror_id, name) do update set value = figure.value + excluded.value
             )
             select count(*) from judged where missed",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(now - delta(retry))
        .fetch_one(&self.pool)
        .await?;
        Ok(missed)
    }

    /// Whether the webhook of a side is silent: at least three changes were missed by it since its last delivery.
    pub async fn webhook_silent(&self, mirror: MirrorId, side: Side) -> Result<bool> {
        Ok(self.webhook_missed(mirror, side).await? >= 3)
    }

    /// Notes that the webhook of a side is registered.
    pub async fn note_registration(&self, mirror: MirrorId, side: Side, id: &str, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(
            "insert into witness (mirror_id, side, registration, registered_at) values ($1, $2, $3, $4)
             on conflict (mirror_id, side) do update
             set registered_at = case when witness.registration = $3 then witness.registered_at else $4 end, registration = $3",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(id)
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What the webhook witness of a side last said.
    pub async fn witness(&self, mirror: MirrorId, side: Side) -> Result<Witness> {
        let row = sqlx::query("select * from witness where mirror_id = $1 and side = $2")
            .bind(mirror.0)
            .bind(side.as_str())
            .fetch_optional(&self.pool)
            .await?;
        let read = |row: sqlx::postgres::PgRow| Witness {
            registration: row.get("registration"),
            registered_at: row.get("registered_at"),
            last_delivery_at: row.get("last_delivery_at"),
            last_rejection_at: row.get("last_rejection_at"),
            last_rejection: row.get("last_rejection"),
            rejections: row.get("rejections"),
            removed_at: row.get("removed_at"),
            asked_at: row.get("asked_at"),
            heard_at: row.get("heard_at"),
            secret_since: row.get("secret_since"),
            newest_at: row.get("newest_at"),
            former_at: row.get("former_at"),
            tested_at: row.get("tested_at"),
            verdict: row.get("verdict"),
            verdict_why: row.get("verdict_why"),
        };
        Ok(row.map(read).unwrap_or_default())
    }

    /// The full copy that is under way; starts one if `begin`. A copy that was stopped goes on where it was.
    pub async fn backfill(&self, mirror: MirrorId, begin: bool, now: DateTime<Utc>) -> Result<Option<Backfill>> {
        if begin {
            sqlx::query(
                "insert into backfill (tenant_id, mirror_id, started_at) select tenant_id, id, $2 from mirror where id = $1
                 on conflict (mirror_id) where finished_at is null do nothing",
            )
            .bind(mirror.0)
            .bind(now)
            .execute(&self.pool)
            .await?;
            sqlx::query("update mirror set phase = 'copying' where id = $1").bind(mirror.0).execute(&self.pool).await?;
        }
        let row = sqlx::query(
            "select id, started_at, cursor, listed, total, listing_done_at from backfill
             where mirror_id = $1 and finished_at is null",
        )
        .bind(mirror.0)
        .fetch_optional(&self.pool)
        .await?;
        let read = |row: sqlx::postgres::PgRow| Backfill {
            id: row.get("id"),
            started_at: row.get("started_at"),
            cursor: row.get::<Option<String>, _>("cursor").map(Cursor),
            listed: row.get("listed"),
            total: row.get("total"),
            listing_done_at: row.get("listing_done_at"),
        };
        Ok(row.map(read))
    }

    /// Takes in a page of the listing: hints and cursor in one commit.
    pub async fn take_listing(&self, mirror: MirrorId, run: &Backfill, page: &ListPage, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        let hints: Vec<_> = page
            .hints
            .iter()
            .map(|hint| crate::change::Hint {
                evidence: format!("copy:{}:{}", run.id, hint.ticket),
                what: "listed".to_string(),
                least_stamp: None,
                ..hint.clone()
            })
            .collect();
        let arrival =
            Arrival { mirror, side: Side::Source, origin: Origin::Backfill, received_at: now, hints: &hints, deliveries: &[] };
        raise(&mut transaction, &arrival).await?;
        sqlx::query(
            "update backfill
             set cursor = $2, listed = listed + $3, total = coalesce($4, total),
                 listing_done_at = case when $2::text is null then $5 end
             where id = $1",
        )
        .bind(run.id)
        .bind(page.next.as_ref().map(|cursor| &cursor.0))
        .bind(i64::try_from(page.hints.len()).unwrap_or(i64::MAX))
        .bind(page.total.map(|total| i64::try_from(total).unwrap_or(i64::MAX)))
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Ends the copy once everything that it listed is applied or parked, and moves the reference time to its start. Returns whether it ended.
    pub async fn finish_backfill(&self, mirror: MirrorId, run: &Backfill, now: DateTime<Utc>) -> Result<bool> {
        let open: i64 = sqlx::query_scalar(
            "select count(*) from change_event e join lane l on l.pair_id = e.pair_id
             where e.mirror_id = $1 and e.origin = 'backfill' and e.applied_at is null and not l.blocked",
        )
        .bind(mirror.0)
        .fetch_one(&self.pool)
        .await?;
        if run.listing_done_at.is_none() || open > 0 {
            return Ok(false);
        }
        let mut transaction = self.pool.begin().await?;
        sqlx::query("update backfill set finished_at = $2 where id = $1")
            .bind(run.id)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("update mirror set phase = 'mirroring', reference_time = $2, copied_at = $3 where id = $1")
            .bind(mirror.0)
            .bind(run.started_at)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }
}
