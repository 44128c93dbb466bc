//! The shared budget of a desk: one token bucket per address and class, used by all processes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{Ledger, Result};

/// Which bucket.
#[derive(Debug, Clone, Copy)]
pub struct Bucket<'a> {
    pub address: &'a str,
    pub class: &'a str,
}

/// How a bucket begins, before the desk told anything.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    pub capacity: f64,
    pub per_second: f64,
}

impl Ledger {
    /// Takes one token if more than `reserve` are left (room for more urgent calls). Returns how long to wait otherwise.
    pub async fn take_token(
        &self,
        bucket: Bucket<'_>,
        opening: Opening,
        reserve: f64,
        now: DateTime<Utc>,
    ) -> Result<Option<Duration>> {
        let row = sqlx::query(
            "insert into budget as b (address, class, tokens, capacity, per_second, filled_at, granted)
             values ($1, $2, $3 - 1, $3, $4, $5, true)
             on conflict (address, class) do update
             set tokens = case when grants(b, $6, $5) then filled(b, $5) - 1 else filled(b, $5) end,
                 granted = grants(b, $6, $5),
                 filled_at = greatest(b.filled_at, $5),
                 closed_until = case when b.closed_until > $5 then b.closed_until end
             returning tokens, capacity, per_second, closed_until, granted",
        )
        .bind(bucket.address)
        .bind(bucket.class)
        .bind(opening.capacity)
        .bind(opening.per_second)
        .bind(now)
        .bind(reserve)
        .fetch_one(&self.pool)
        .await?;
        Ok(wait_of(&row, reserve, now))
    }

    /// Takes in what a desk told of its limit: calls per second, what is left, and until when it will not have any.
    pub async fn learn_budget(
        &self,
        bucket: Bucket<'_>,
        capacity: Option<f64>,
        remaining: Option<f64>,
        closed_until: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        sqlx::query(
            "update budget b
             set capacity = coalesce($3, b.capacity),
                 per_second = coalesce($3 / 60.0, b.per_second),
                 tokens = least(filled(b, $6), coalesce($4, filled(b, $6)), coalesce($3, b.capacity)),
                 filled_at = greatest(b.filled_at, $6),
                 closed_until = greatest(b.closed_until, $5)
             where address = $1 and class = $2",
        )
        .bind(bucket.address)
        .bind(bucket.class)
        .bind(capacity)
        .bind(remaining)
        .bind(closed_until)
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

fn wait_of(row: &sqlx::postgres::PgRow, reserve: f64, now: DateTime<Utc>) -> Option<Duration> {
    if row.get("granted") {
        return None;
    }
    if let Some(until) = row.get::<Option<DateTime<Utc>>, _>("closed_until") {
        return Some((until - now).to_std().unwrap_or_default().max(Duration::from_millis(50)));
    }
    let (tokens, capacity, per_second): (f64, f64, f64) = (row.get("tokens"), row.get("capacity"), row.get("per_second"));
    let missing = (reserve.min(capacity / 2.0) + 1.0 - tokens).max(0.0);
    let seconds = if per_second > 0.0 { missing / per_second } else { 60.0 };
    Some(Duration::from_secs_f64(seconds.clamp(0.02, 60.0)))
}
