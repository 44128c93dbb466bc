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

/// The list that ticks are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List {
    pub mirror: MirrorId,
    /// Each window has a list of its own, because it has channels of its own; `None`: the mirror has no windows.
    pub window: Option<i64>,
    /// The desk that is to lead.
    pub to: Side,
}

impl Ledger {
    /// Records that an item is done; one that was ticked before is ticked anew.
    pub async fn tick(&self, list: &List, tick: &Tick) -> Result<()> {
        sqlx::query(
            "insert into tick (mirror_id, window_id, item, to_side, who, evidence, at) values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (mirror_id, coalesce(window_id, 0), item, to_side) do update
             set who = excluded.who, evidence = excluded.evidence, at = excluded.at",
        )
        .bind(list.mirror.0)
        .bind(list.window)
        .bind(&tick.item)
        .bind(list.to.as_str())
        .bind(&tick.who)
        .bind(&tick.evidence)
        .bind(tick.at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Takes a tick back. `false`: there was none.
    pub async fn untick(&self, list: &List, item: &str) -> Result<bool> {
        let sql = "delete from tick where mirror_id = $1 and window_id is not distinct from $2 and to_side = $3 and item = $4";
        let done =
            sqlx::query(sql).bind(list.mirror.0).bind(list.window).bind(list.to.as_str()).bind(item).execute(&self.pool).await?;
        Ok(done.rows_affected() == 1)
    }

    /// What was done for the time in which this desk leads, by item. What was done before a switch to the other desk is to be done again.
    pub async fn ticks(&self, list: &List) -> Result<Vec<Tick>> {
        let rows = sqlx::query(
            "select item, who, evidence, at from tick
             where mirror_id = $1 and window_id is not distinct from $2 and to_side = $3 and at > coalesce(
                 (select max(turned_at) from switch
                  where mirror_id = $1 and to_side <> $3 and (windows is null or $2::bigint is null or $2 = any(windows))), '-infinity')
             order by item",
        )
        .bind(list.mirror.0)
        .bind(list.window)
        .bind(list.to.as_str())
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
