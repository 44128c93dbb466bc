//! Probes: tickets that are made and removed to prove that a desk can be written to, each recorded before it is sent; and test messages that
//! people send through a channel. No comparison of the desks counts either.

use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::Uuid;

use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::mirror::{KeySpace, MirrorId};

use super::{Ledger, Result};

/// A probe that may be at its desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    pub id: i64,
    pub key: String,
    /// `None`: whether the desk made it is not known.
    pub ticket: Option<TicketId>,
    pub asked_at: DateTime<Utc>,
}

impl Ledger {
    /// Records that a probe is about to be made.
    pub async fn begin_probe(&self, mirror: MirrorId, side: Side, keys: &KeySpace, now: DateTime<Utc>) -> Result<Probe> {
        let key = keys.probe(&Uuid::new_v4().simple().to_string()[..12]);
        let sql = "insert into probe (mirror_id, side, key, asked_at) values ($1, $2, $3, $4) returning id";
        let insert = sqlx::query_scalar(sql).bind(mirror.0).bind(side.as_str()).bind(&key).bind(now);
        let id = insert.fetch_one(&self.pool).await?;
        Ok(Probe { id, key, ticket: None, asked_at: now })
    }

    /// The desk made it.
    pub async fn note_probe(&self, probe: &Probe, ticket: &TicketId) -> Result<()> {
        sqlx::query("update probe set ticket = $2 where id = $1")
            .bind(probe.id)
            .bind(ticket.as_str())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// It is gone, or never was.
    pub async fn end_probe(&self, probe: &Probe, now: DateTime<Utc>) -> Result<()> {
        sqlx::query("update probe set removed_at = $2 where id = $1").bind(probe.id).bind(now).execute(&self.pool).await?;
        Ok(())
    }

    /// A test message with this code, which a person sent, became a ticket of a desk.
    pub async fn note_sent(
        &self,
        mirror: MirrorId,
        (side, ticket): (Side, &TicketId),
        code: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let sql = "insert into probe (mirror_id, side, key, ticket, asked_at, sent) values ($1, $2, $3, $4, $5, true) on conflict do nothing";
        let insert = sqlx::query(sql).bind(mirror.0).bind(side.as_str()).bind(code).bind(ticket.as_str()).bind(now);
        insert.execute(&self.pool).await?;
        Ok(())
    }

    /// How many tickets of either desk were probes: no comparison is about them.
    pub async fn count_probes(&self, mirror: MirrorId) -> Result<u64> {
        let sql = "select count(*) from probe where mirror_id = $1 and ticket is not null";
        let count: i64 = sqlx::query_scalar(sql).bind(mirror.0).fetch_one(&self.pool).await?;
        Ok(count.unsigned_abs())
    }

    /// Probes of ours that may still be at a desk, the oldest first.
    pub async fn open_probes(&self, mirror: MirrorId, side: Side) -> Result<Vec<Probe>> {
        let rows = sqlx::query(
            "select id, key, ticket, asked_at from probe where mirror_id = $1 and side = $2 and removed_at is null and not sent order by id",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .fetch_all(&self.pool)
        .await?;
        let read = |row: sqlx::postgres::PgRow| Probe {
            id: row.get("id"),
            key: row.get("key"),
            ticket: row.get::<Option<String>, _>("ticket").map(TicketId::new),
            asked_at: row.get("asked_at"),
        };
        Ok(rows.into_iter().map(read).collect())
    }
}
