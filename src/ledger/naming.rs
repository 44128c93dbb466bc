//! Which old tickets do not name their new ones yet.

use sqlx::Row;

use crate::mirror::{MirrorId, PairId};

use super::{Ledger, Result};

impl Ledger {
    /// Pairs that the target leads, whose source ticket has none of the statuses `done` and has not been given a note about its target
    /// ticket as far as the ledger knows; `window`: none but its own.
    pub async fn unnamed(&self, mirror: MirrorId, window: Option<i64>, done: &[&str]) -> Result<Vec<PairId>> {
        let rows = sqlx::query(
            "select p.id from pair p
             where p.mirror_id = $1 and p.authority = 'target' and p.state = 'copied' and p.born = 'source'
               and p.source_ticket is not null and p.target_ticket is not null
               and coalesce(p.base #>> '{fields,status,source,text}', '') <> all($2)
               and ($3::bigint is null or p.window_id = $3)
               and not exists (
                   select from intent i
                   where i.pair_id = p.id and i.kind = 'name' and i.state = 'done' and i.detail ->> 'new' = p.target_ticket)
             order by p.id",
        )
        .bind(mirror.0)
        .bind(done)
        .bind(window)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(|row| PairId(row.get("id"))).collect())
    }
}
