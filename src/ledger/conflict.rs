//! Conflicts: fields that both sides changed, with the value that lost.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value as Json;
use sqlx::Row;

use crate::desk::field::Value;
use crate::mirror::MirrorId;

use super::{Ledger, Result, stored};

/// A conflict as a person sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    pub id: i64,
    pub source_ticket: Option<String>,
    pub target_ticket: Option<String>,
    pub field: String,
    pub source: Value,
    pub target: Value,
    /// `source`, `target` or `undecided`.
    pub winner: String,
    pub found_at: DateTime<Utc>,
}

impl Ledger {
    /// All conflicts of a mirror, the latest first.
    pub async fn conflicts(&self, mirror: MirrorId) -> Result<Vec<Conflict>> {
        let rows = sqlx::query(
            "select c.id, p.source_ticket, p.target_ticket, c.field, c.source_now, c.target_now, c.winner, c.found_at
             from conflict c join pair p on p.id = c.pair_id
             where c.mirror_id = $1
             order by c.id desc",
        )
        .bind(mirror.0)
        .fetch_all(&self.pool)
        .await?;
        let mut conflicts = Vec::with_capacity(rows.len());
        for row in rows {
            let value = |column: &str| stored("a conflict", row.get::<Json, _>(column));
            conflicts.push(Conflict {
                id: row.get("id"),
                source_ticket: row.get("source_ticket"),
                target_ticket: row.get("target_ticket"),
                field: row.get("field"),
                source: value("source_now")?,
                target: value("target_now")?,
                winner: row.get("winner"),
                found_at: row.get("found_at"),
            });
        }
        Ok(conflicts)
    }
}
