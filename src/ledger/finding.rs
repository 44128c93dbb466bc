//! Checks of mirror files and what somebody accepted of their findings. By the mirror's name: a file is checked before it is applied.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sqlx::Row;

use super::{Ledger, Result};

/// A finding that somebody accepted.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Acceptance {
    /// The finding's name.
    pub finding: String,
    /// The finding as it was then; its form is the checker's.
    pub detail: Json,
    pub who: String,
    pub why: Option<String>,
    pub at: DateTime<Utc>,
}

impl Ledger {
    /// Keeps a check's report, in place of an earlier one of the same file.
    pub async fn note_proof(&self, mirror: &str, digest: &str, report: &Json, at: DateTime<Utc>) -> Result<()> {
        sqlx::query(
            "insert into proof (tenant_id, mirror, digest, report, checked_at)
             select t.id, $1, $2, $3, $4 from tenant t where t.name = 'default'
             on conflict (tenant_id, mirror, digest) do update set report = excluded.report, checked_at = excluded.checked_at",
        )
        .bind(mirror)
        .bind(digest)
        .bind(report)
        .bind(at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The last report of this very file; without `digest`, of any file of the mirror.
    pub async fn proof(&self, mirror: &str, digest: Option<&str>) -> Result<Option<Json>> {
        let sql = "select report from proof where mirror = $1 and digest = coalesce($2, digest) order by checked_at desc limit 1";
        let row = sqlx::query(sql).bind(mirror).bind(digest).fetch_optional(&self.pool).await?;
        Ok(row.map(|row| row.get("report")))
    }

    /// Records who accepted a finding.
    pub async fn accept_finding(&self, mirror: &str, acceptance: &Acceptance) -> Result<()> {
        sqlx::query(
            "insert into acceptance (tenant_id, mirror, finding, detail, who, why, at)
             select t.id, $1, $2, $3, $4, $5, $6 from tenant t where t.name = 'default'",
        )
        .bind(mirror)
        .bind(&acceptance.finding)
        .bind(&acceptance.detail)
        .bind(&acceptance.who)
        .bind(&acceptance.why)
        .bind(acceptance.at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What was accepted for a mirror, the oldest first.
    pub async fn acceptances(&self, mirror: &str) -> Result<Vec<Acceptance>> {
        let sql = "select finding, detail, who, why, at from acceptance where mirror = $1 order by id";
        let rows = sqlx::query(sql).bind(mirror).fetch_all(&self.pool).await?;
        let read = |row: sqlx::postgres::PgRow| Acceptance {
            finding: row.get("finding"),
            detail: row.get("detail"),
            who: row.get("who"),
            why: row.get("why"),
            at: row.get("at"),
        };
        Ok(rows.into_iter().map(read).collect())
    }
}
