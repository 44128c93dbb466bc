//! Rulings: what a person decided about fields, kept until their lane has carried it out.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};

use crate::desk::field::{FieldKey, Value};
use crate::merge::ruling::Keep;
use crate::mirror::PairId;

use super::conflict::not_parked;
use super::lane::Claim;
use super::settle::hold;
use super::{Ledger, Result, to_store};

/// A field that is to be put back.
#[derive(Debug, Clone, PartialEq)]
pub struct PutBack {
    /// By the source's key.
    pub field: FieldKey,
    /// What the target holds now: with another value nothing is written.
    pub held: Value,
    pub value: Value,
}

impl Ledger {
    /// Decides open conflicts, by whom: their lanes carry it out. `value`: with [`Keep::Value`]. Returns how many were still open.
    pub async fn resolve_conflicts(
        &self,
        ids: &[i64],
        (keep, value): (Keep, Option<&Value>),
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<usize> {
        let mut transaction = self.pool.begin().await?;
        let rows = sqlx::query(
            "with decided as (
                 update conflict set winner = $2, decided_value = $3, decided_by = $4, decided_at = $5
                 where id = any($1) and winner = 'undecided' and closed_at is null
                 returning *
             )
             insert into ruling (tenant_id, mirror_id, pair_id, conflict_id, field, source_value, target_value, keep, value,
                                 decided_by, decided_at)
             select tenant_id, mirror_id, pair_id, id, field, source_now, target_now, $2, $3, $4, $5 from decided
             returning pair_id",
        )
        .bind(ids)
        .bind(word(keep))
        .bind(value.map(to_store))
        .bind(by)
        .bind(now)
        .fetch_all(&mut *transaction)
        .await?;
        let pairs: Vec<i64> = rows.iter().map(|row| row.get("pair_id")).collect();
        let settled: Vec<i64> = sqlx::query_scalar(
            "select id from unnest($1::bigint[]) as id
             where not exists (select 1 from conflict where pair_id = id and winner = 'undecided' and closed_at is null)",
        )
        .bind(&pairs)
        .fetch_all(&mut *transaction)
        .await?;
        not_parked(&mut transaction, &settled, now).await?;
        raise(&mut transaction, &pairs, now).await?;
        transaction.commit().await?;
        Ok(rows.len())
    }

    /// Orders fields of a pair to be put back in the target. Returns the numbers of the rulings.
    pub async fn order_put_back(&self, pair: PairId, fields: &[PutBack], by: &str, now: DateTime<Utc>) -> Result<Vec<i64>> {
        let mut transaction = self.pool.begin().await?;
        let ids = rule(&mut transaction, pair, fields, by, now).await?;
        raise(&mut transaction, &[pair.0], now).await?;
        transaction.commit().await?;
        Ok(ids)
    }

    /// What became of rulings: the field and `done` or `overtaken`; `None`: not carried out yet.
    pub async fn outcomes(&self, ids: &[i64]) -> Result<Vec<(String, Option<String>)>> {
        let rows = sqlx::query("select field, outcome from ruling where id = any($1) order by id")
            .bind(ids)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.iter().map(|row| (row.get("field"), row.get("outcome"))).collect())
    }

    /// Closes rulings that were carried out, and those that came too late. Errors: `Fenced`.
    pub async fn close_rulings(&self, claim: &Claim, [done, overtaken]: [&[i64]; 2], now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        hold(&mut transaction, claim).await?;
        for (ids, outcome) in [(done, "done"), (overtaken, "overtaken")] {
            sqlx::query(
                "with closed as (
                     update ruling set closed_at = $3, outcome = $4
                     where id = any($2) and pair_id = $1 and closed_at is null
                     returning conflict_id
                 )
                 update conflict
                 set closed_at = $3, winner = case $4 when 'overtaken' then 'undecided' else winner end
                 where id in (select conflict_id from closed)",
            )
            .bind(claim.pair.0)
            .bind(ids)
            .bind(now)
            .bind(outcome)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Rules that fields are put back. Returns the numbers of the rulings.
pub(super) async fn rule(
    connection: &mut PgConnection,
    pair: PairId,
    fields: &[PutBack],
    by: &str,
    now: DateTime<Utc>,
) -> Result<Vec<i64>> {
    let mut ids = Vec::new();
    for field in fields {
        let id = sqlx::query_scalar(
            "insert into ruling (tenant_id, mirror_id, pair_id, field, target_value, keep, value, decided_by, decided_at)
             select tenant_id, mirror_id, id, $2, $3, 'value', $4, $5, $6 from pair where id = $1
             returning id",
        )
        .bind(pair.0)
        .bind(field.field.to_string())
        .bind(to_store(&field.held))
        .bind(to_store(&field.value))
        .bind(by)
        .bind(now)
        .fetch_one(&mut *connection)
        .await?;
        ids.push(id);
    }
    Ok(ids)
}

/// Has lanes looked at before anything else. They are locked in the order of their ids, as everybody does.
async fn raise(connection: &mut PgConnection, pairs: &[i64], now: DateTime<Utc>) -> Result<()> {
    sqlx::query("select pair_id from lane where pair_id = any($1) order by pair_id for update")
        .bind(pairs)
        .execute(&mut *connection)
        .await?;
    sqlx::query("update lane set pending = pending + 1, due_at = least(due_at, $2), priority = 0 where pair_id = any($1)")
        .bind(pairs)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

fn word(keep: Keep) -> &'static str {
    match keep {
        Keep::Source => "source",
        Keep::Target => "target",
        Keep::Value => "value",
    }
}
