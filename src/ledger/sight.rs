//! What a credential can see: the tickets that are watched for it, and whether it has lost sight of them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;

use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::mirror::{MirrorId, PairId};

use super::{Ledger, Result};

/// A desk whose credential has lost sight of its tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blind {
    /// `source` or `target`.
    pub side: String,
    pub since: DateTime<Utc>,
    /// A sentence for the operator.
    pub why: String,
}

impl Ledger {
    /// The canaries of a desk, beside `without`: the tickets that were read last, and those whose read is longest ago, because a
    /// desk that throws its old tickets away has lost those only.
    pub async fn canaries(&self, mirror: MirrorId, side: Side, without: Option<PairId>) -> Result<Vec<TicketId>> {
        let rows: Vec<String> = sqlx::query_scalar(
            "with live as (
                 select case $2 when 'source' then p.source_ticket else p.target_ticket end as ticket, p.read_at
                 from pair p join lane l on l.pair_id = p.id
                 where p.mirror_id = $1 and p.state = 'copied' and p.read_at is not null and not l.blocked
                   and p.id is distinct from $3
             )
             (select ticket from live where ticket is not null order by read_at desc limit 3)
             union all
             (select ticket from live where ticket is not null order by read_at limit 2)",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(without.map(|pair| pair.0))
        .fetch_all(&self.pool)
        .await?;
        let mut canaries: Vec<TicketId> = Vec::new();
        for ticket in rows.into_iter().map(TicketId::new) {
            if !canaries.contains(&ticket) {
                canaries.push(ticket);
            }
        }
        Ok(canaries)
    }

    /// Notes that a desk's credential has lost sight of its tickets: no lane of the mirror is claimed until it is back. Returns
    /// whether that is news.
    pub async fn note_blind(&self, mirror: MirrorId, side: Side, why: &str, now: DateTime<Utc>) -> Result<bool> {
        let done = sqlx::query("insert into blind (mirror_id, side, since, why) values ($1, $2, $3, $4) on conflict do nothing")
            .bind(mirror.0)
            .bind(side.as_str())
            .bind(now)
            .bind(why)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The desk is seen again. Returns whether that is news.
    pub async fn note_seeing(&self, mirror: MirrorId, side: Side) -> Result<bool> {
        let done = sqlx::query("delete from blind where mirror_id = $1 and side = $2")
            .bind(mirror.0)
            .bind(side.as_str())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The desks of a mirror that are out of sight.
    pub async fn blind(&self, mirror: MirrorId) -> Result<Vec<Blind>> {
        let rows = sqlx::query("select side, since, why from blind where mirror_id = $1 order by side")
            .bind(mirror.0)
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &sqlx::postgres::PgRow| Blind { side: row.get("side"), since: row.get("since"), why: row.get("why") };
        Ok(rows.iter().map(read).collect())
    }
}
