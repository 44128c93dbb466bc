//! Webhooks as an operator handles them: asked for, taken away, their secret, their tests, and what was refused.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::desk::Side;
use crate::mirror::MirrorId;

use super::{Ledger, Result};

/// Requests that were refused for one reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    /// As [`crate::connectors::delivery::Rejection::kind`] says it.
    pub kind: String,
    /// What the last one was answered.
    pub line: String,
    pub times: i64,
    pub first_at: DateTime<Utc>,
    pub last_at: DateTime<Utc>,
}

/// What a self-test found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A genuine delivery arrived.
    Proven,
    /// What arrived was refused.
    Refused,
    /// The poll sees changes that the webhook does not tell.
    Silent,
    /// Nothing was to be told: nothing is known.
    Quiet,
    /// The desk was asked to send, and nothing arrived; or it could not be asked.
    Unreachable,
}

impl Verdict {
    /// The word in the ledger and in status.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Proven => "proven",
            Verdict::Refused => "refused",
            Verdict::Silent => "silent",
            Verdict::Quiet => "quiet",
            Verdict::Unreachable => "unreachable",
        }
    }

    /// Whether an operator should be told.
    pub fn is_alarm(word: &str) -> bool {
        [Verdict::Refused, Verdict::Silent, Verdict::Unreachable].iter().any(|verdict| verdict.as_str() == word)
    }
}

impl Ledger {
    /// The operator wants the webhook, and every gateway to look at it now; one that was taken away comes back.
    pub async fn ask_for_webhook(&self, mirror: MirrorId, side: Side, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(
            "insert into witness (mirror_id, side, asked_at) values ($1, $2, $3)
             on conflict (mirror_id, side) do update set asked_at = $3, removed_at = null",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The operator does not want the webhook: no gateway registers it or listens until it is asked for again.
    pub async fn take_webhook_away(&self, mirror: MirrorId, side: Side, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(
            "insert into witness (mirror_id, side, asked_at, removed_at) values ($1, $2, $3, $3)
             on conflict (mirror_id, side) do update
             set asked_at = $3, removed_at = $3, registration = null, registered_at = null",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes that a gateway listens, and which secret it takes as the newest, by its fingerprint. Another one than before has proved
    /// nothing yet.
    pub async fn note_secret(&self, mirror: MirrorId, side: Side, mark: &str, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(
            "insert into witness (mirror_id, side, secret_mark, secret_since, heard_at) values ($1, $2, $3, $4, $4)
             on conflict (mirror_id, side) do update
             set heard_at = $4, secret_mark = $3,
                 secret_since = case when witness.secret_mark = $3 then witness.secret_since else $4 end,
                 newest_at = case when witness.secret_mark = $3 then witness.newest_at end,
                 former_at = case when witness.secret_mark = $3 then witness.former_at end",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(mark)
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes what a self-test found.
    pub async fn note_test(
        &self,
        mirror: MirrorId,
        side: Side,
        (verdict, why): (Verdict, &str),
        now: DateTime<Utc>,
    ) -> Result<()> {
        sqlx::query(
            "insert into witness (mirror_id, side, tested_at, verdict, verdict_why) values ($1, $2, $3, $4, $5)
             on conflict (mirror_id, side) do update set tested_at = $3, verdict = $4, verdict_why = $5",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(now)
        .bind(verdict.as_str())
        .bind(why)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes that a request was refused, so that status can say why nothing arrives.
    pub async fn note_rejection(
        &self,
        mirror: MirrorId,
        side: Side,
        (kind, line): (&str, &str),
        now: DateTime<Utc>,
    ) -> Result<()> {
        sqlx::query(
            "with counted as (
                 insert into refusal (mirror_id, side, kind, line, first_at, last_at) values ($1, $2, $5, $4, $3, $3)
                 on conflict (mirror_id, side, kind) do update
                 set line = excluded.line, times = refusal.times + 1, last_at = excluded.last_at
             )
             insert into witness (mirror_id, side, last_rejection_at, last_rejection, rejections)
             values ($1, $2, $3, $4, 1)
             on conflict (mirror_id, side) do update
             set last_rejection_at = $3, last_rejection = $4, rejections = witness.rejections + 1",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .bind(now)
        .bind(line)
        .bind(kind)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What was refused, the latest first.
    pub async fn refusals(&self, mirror: MirrorId, side: Side) -> Result<Vec<Refusal>> {
        let rows = sqlx::query(
            "select kind, line, times, first_at, last_at from refusal where mirror_id = $1 and side = $2 order by last_at desc, kind",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &PgRow| Refusal {
            kind: row.get("kind"),
            line: row.get("line"),
            times: row.get("times"),
            first_at: row.get("first_at"),
            last_at: row.get("last_at"),
        };
        Ok(rows.iter().map(read).collect())
    }

    /// How many changes only the poll saw since the webhook's last delivery. None where the webhook was taken away.
    pub async fn webhook_missed(&self, mirror: MirrorId, side: Side) -> Result<i64> {
        let missed = sqlx::query_scalar(
            "select count(*) from change_event e
             where e.mirror_id = $1 and e.side = $2 and e.missed
               and e.happened_at > coalesce((select last_delivery_at from witness v
                   where v.mirror_id = $1 and v.side = $2), '-infinity')
               and not exists (select from witness v where v.mirror_id = $1 and v.side = $2 and v.removed_at is not null)",
        )
        .bind(mirror.0)
        .bind(side.as_str())
        .fetch_one(&self.pool)
        .await?;
        Ok(missed)
    }
}
