//! Taking over the pairs of a copy that another tool made.

use chrono::{DateTime, Utc};
use sqlx::Row;

use crate::change::Cursor;
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::merge::base::{Base, MessageLink};
use crate::merge::plan::FieldConflict;
use crate::mirror::{MirrorId, PairId};

use super::conflict::Found;
use super::lane::Claim;
use super::parked::Park;
use super::settle::{hold, put_links};
use super::{Ledger, Result, to_store};

/// What a person can do about values that nobody explains.
/// How the pause begins that an adoption makes; another pause is a person's, and stays.
const ADOPTING: &str = "another tool's copy is being adopted";

/// What the ledger says about a pair that is to be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimable {
    /// Nothing speaks against it.
    Free(PairId),
    /// It was adopted before.
    Adopted,
    /// One of the two has another counterpart: `old 7 is new 12`.
    Taken(String),
}

/// What was read and decided about an adopted pair.
#[derive(Debug)]
pub struct Adopted<'a> {
    pub target: &'a TicketId,
    pub base: &'a Base,
    pub links: &'a [MessageLink],
    pub source_stamp: &'a str,
    pub target_stamp: &'a str,
    pub target_feed_stamp: Option<&'a str>,
    /// Acts of the target ticket that were seen: hints about them tell nothing new.
    pub seen_acts: &'a [&'a str],
    pub mapping_version: &'a str,
    /// Fields that nobody explains.
    pub unknown: &'a [FieldConflict],
    /// A person decides before anything is written.
    pub park: Option<Park<'a>>,
}

impl Ledger {
    /// Pauses the mirror for it.
    pub async fn begin_adoption(&self, mirror: MirrorId) -> Result<()> {
        sqlx::query(
            "update mirror
             set paused_why = coalesce(paused_why, $2 || '; the same `tidegate adopt ' || name || '` goes on')
             where id = $1",
        )
        .bind(mirror.0)
        .bind(ADOPTING)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends it: the mirror goes on from the reference time, and the polls of both sides begin there. Returns whether it is still paused.
    pub async fn end_adoption(&self, mirror: MirrorId, reference: DateTime<Utc>, cursors: [(Side, Cursor); 2]) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        for (side, cursor) in cursors {
            sqlx::query(
                "insert into watermark as w (mirror_id, side, feed, cursor, seen_up_to, polled_at) values ($1, $2, 'changes', $3, $4, $4)
                 on conflict (mirror_id, side, feed) do update
                 set cursor = case when w.seen_up_to > $4 then excluded.cursor else w.cursor end, rewind_to = null",
            )
            .bind(mirror.0)
            .bind(side.as_str())
            .bind(cursor.0)
            .bind(reference)
            .execute(&mut *transaction)
            .await?;
        }
        let paused = sqlx::query_scalar(
            "update mirror
             set phase = 'mirroring', reference_time = $3, copied_at = $3,
                 paused_why = case when starts_with(paused_why, $2) then null else paused_why end
             where id = $1
             returning paused_why is not null",
        )
        .bind(mirror.0)
        .bind(ADOPTING)
        .bind(reference)
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(paused)
    }

    /// The pair of a source ticket, made where there is none, if it may get this target ticket.
    pub async fn claimable(
        &self,
        mirror: MirrorId,
        source: &TicketId,
        target: &TicketId,
        now: DateTime<Utc>,
    ) -> Result<Claimable> {
        let mut transaction = self.pool.begin().await?;
        let rows = sqlx::query(
            "select id, source_ticket, target_ticket, adopted_at is not null as adopted from pair
             where mirror_id = $1 and (source_ticket = $2 or target_ticket = $3)",
        )
        .bind(mirror.0)
        .bind(source.as_str())
        .bind(target.as_str())
        .fetch_all(&mut *transaction)
        .await?;
        for row in rows {
            let (old, new): (Option<String>, Option<String>) = (row.get("source_ticket"), row.get("target_ticket"));
            let same = old.as_deref() == Some(source.as_str()) && new.as_deref() == Some(target.as_str());
            if same && row.get("adopted") {
                return Ok(Claimable::Adopted);
            }
            if let Some(new) = new {
                return Ok(Claimable::Taken(format!("old {} is new {new} in this mirror", old.unwrap_or_default())));
            }
        }
        let id: i64 = sqlx::query_scalar(
            "insert into pair (tenant_id, mirror_id, source_ticket, created_at)
             select tenant_id, id, $2, $3 from mirror where id = $1
             on conflict (mirror_id, source_ticket) do update set source_ticket = excluded.source_ticket
             returning id",
        )
        .bind(mirror.0)
        .bind(source.as_str())
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        sqlx::query(
            "insert into lane (pair_id, mirror_id, due_at, priority) values ($1, $2, $3, 5) on conflict (pair_id) do nothing",
        )
        .bind(id)
        .bind(mirror.0)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Claimable::Free(PairId(id)))
    }

    /// Settles an adopted pair: base, links, what nobody explains. Its lane is raised, for what has changed since the copy began, and given
    /// back; a doubt holds it. Errors: `Fenced`.
    pub async fn settle_adoption(&self, claim: &Claim, adopted: Adopted<'_>, now: DateTime<Utc>) -> Result<()> {
        let found = Found { conflicts: adopted.unknown, lead: Side::Source };
        self.record_conflicts(claim, found, now).await?;
        let mut transaction = self.pool.begin().await?;
        hold(&mut transaction, claim).await?;
        sqlx::query(
            "update pair
             set target_ticket = $2, state = 'copied', base = $3, source_stamp = $4, source_feed_stamp = null, target_stamp = $5,
                 target_feed_stamp = $6, seen_acts = $7, mapping_version = $8, read_at = $9, adopted_at = $9
             where id = $1",
        )
        .bind(claim.pair.0)
        .bind(adopted.target.as_str())
        .bind(to_store(adopted.base))
        .bind(adopted.source_stamp)
        .bind(adopted.target_stamp)
        .bind(adopted.target_feed_stamp)
        .bind(adopted.seen_acts)
        .bind(adopted.mapping_version)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        put_links(&mut transaction, claim, adopted.links, now).await?;
        sqlx::query("update intent set state = 'done', closed_at = $2 where pair_id = $1 and kind = 'key' and state = 'sent'")
            .bind(claim.pair.0)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        if let Some(park) = &adopted.park {
            sqlx::query(
                "insert into parked (tenant_id, mirror_id, pair_id, kind, reason, advice, blocking, urgent, parked_at, pending)
                 select tenant_id, id, $2, $3, $4, $5, true, $6, $7, $8 from mirror where id = $1
                 on conflict (pair_id, kind) where decided_at is null and blocking do nothing",
            )
            .bind(claim.mirror.0)
            .bind(claim.pair.0)
            .bind(park.kind)
            .bind(park.reason)
            .bind(park.advice)
            .bind(park.urgent)
            .bind(now)
            .bind(claim.pending + 1)
            .execute(&mut *transaction)
            .await?;
        }
        sqlx::query(
            "update lane
             set pending = pending + 1, due_at = $2, blocked = $3, lease_owner = null, lease_until = null, attempts = 0, fault = null,
                 fault_kind = null,
                 priority = case when pending > applied then priority else 5 end
             where pair_id = $1",
        )
        .bind(claim.pair.0)
        .bind(now)
        .bind(adopted.park.is_some())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}
