//! Ticks: what people did by hand at a switch, with who said so, when, and what shows it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;

use crate::desk::Side;
use crate::mirror::MirrorId;

use super::{Ledger, Result};

/// One thing that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tick {
    /// The item's name in the list of what is done by hand.
    pub item: String,
    pub who: String,
    /// What shows it, in words.
    pub evidence: Option<String>,
    pub at: DateTime<Utc>,
}

impl Ledger {
    /// Records that an item is done; one that was ticked before is ticked anew.
    pub async fn tick(&self, mirror: MirrorId, to: Side, tick: &Tick) -> Result<()> {
        sqlx::query(
            "insert into tick (mirror_id, item, to_side, who, evidence, at) values ($1, $2, $3, $4, $5, $6)
             on conflict (mirror_id, item, to_side) do update
             set who = excluded.who, evidence = excluded.evidence, at = excluded.at",
        )
        .bind(mirror.0)
        .bind(&tick.item)
        .bind(to.as_str())
        .bind(&tick.who)
        .bind(&tick.evidence)
        .bind(tick.at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Takes a tick back. `false`: there was none.
    pub async fn untick(&self, mirror: MirrorId, to: Side, item: &str) -> Result<bool> {
        let done = sqlx::query("delete from tick where mirror_id = $1 and to_side = $2 and item = $3")
            .bind(mirror.0)
            .bind(to.as_str())
            .bind(item)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// What was done for the time in which this desk leads, by item. What was done before a switch to the other desk is to be done again.
    pub async fn ticks(&self, mirror: MirrorId, to: Side) -> Result<Vec<Tick>> {
        let rows = sqlx::query(
            "select item, who, evidence, at from tick
             where mirror_id = $1 and to_side = $2 and at > coalesce(
                 (select max(turned_at) from switch where mirror_id = $1 and to_side <> $2), '-infinity')
             order by item",
        )
        .bind(mirror.0)
        .bind(to.as_str())
        .fetch_all(&self.pool)
        .await?;
        let read = |row: sqlx::postgres::PgRow| Tick {
            item: row.get("item"),
            who: row.get("who"),
            evidence: row.get("evidence"),
            at: row.get("at"),
        };
        Ok(rows.into_iter().map(read).collect())
    }
}
