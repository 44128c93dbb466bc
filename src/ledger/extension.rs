//! Days more: to begin runs in, and to keep what is known of a mirror. Each is recorded with who said so and why, and stays.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::mirror::MirrorId;

use super::{Error, Ledger, Result};

/// What lasts longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Term {
    /// The days after the copy in which a run may start.
    Runs,
    /// The days after the retirement for which what is known of the tickets is kept.
    Keeping,
}

impl Term {
    const ALL: [Term; 2] = [Term::Runs, Term::Keeping];

    /// The word in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Term::Runs => "runs",
            Term::Keeping => "keeping",
        }
    }
}

/// Days more, and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Extension {
    pub term: Term,
    pub days: i32,
    pub reason: String,
    pub who: String,
    pub at: DateTime<Utc>,
}

impl Ledger {
    /// Adds days. False: what is known of the mirror is being destroyed already.
    pub async fn extend(&self, mirror: MirrorId, more: &Extension) -> Result<bool> {
        let done = sqlx::query(
            "insert into extension (tenant_id, mirror_id, term, days, reason, who, at)
             select m.tenant_id, m.id, $2, $3, $4, $5, $6 from mirror m
             where m.id = $1 and not exists (select from purge p where p.mirror_id = m.id)",
        )
        .bind(mirror.0)
        .bind(more.term.as_str())
        .bind(more.days)
        .bind(&more.reason)
        .bind(&more.who)
        .bind(more.at)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Every extension of a mirror, the oldest first.
    pub async fn extensions(&self, mirror: MirrorId) -> Result<Vec<Extension>> {
        let rows = sqlx::query("select term, days, reason, who, at from extension where mirror_id = $1 order by id")
            .bind(mirror.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &PgRow) -> Result<Extension> {
    let term: String = row.get("term");
    Ok(Extension {
        term: Term::ALL
            .into_iter()
            .find(|known| known.as_str() == term)
            .ok_or_else(|| Error::Unreadable { what: "an extension".into(), why: term })?,
        days: row.get("days"),
        reason: row.get("reason"),
        who: row.get("who"),
        at: row.get("at"),
    })
}
