//! Figures: counters by name.

use std::collections::BTreeMap;

use sqlx::Row;

use crate::mirror::MirrorId;

use super::{Ledger, Result};

impl Ledger {
    /// All figures of a mirror.
    pub async fn figures(&self, mirror: MirrorId) -> Result<BTreeMap<String, i64>> {
        let rows =
            sqlx::query("select name, value from figure where mirror_id = $1").bind(mirror.0).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|row| (row.get("name"), row.get("value"))).collect())
    }

    /// Raises figures on their own, for what has no settlement (calls).
    pub async fn raise_figures(&self, mirror: MirrorId, figures: &BTreeMap<String, i64>) -> Result<()> {
        sqlx::query(
            "insert into figure (mirror_id, name, value)
             select $1, f.name, f.by from unnest($2::text[], $3::bigint[]) as f(name, by) order by f.name
             on conflict (mirror_id, name) do update set value = figure.value + excluded.value",
        )
        .bind(mirror.0)
        .bind(figures.keys().map(String::as_str).collect::<Vec<_>>())
        .bind(figures.values().copied().collect::<Vec<_>>())
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
