//! A changed mapping: what was agreed under the one before, which tickets are to be rewritten, and those that waited for it.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sqlx::{PgConnection, Row};

use crate::change::Origin;
use crate::desk::field::{FieldKey, Value};
use crate::desk::mapping::Mapping;
use crate::merge::base::Base;
use crate::mirror::{MirrorId, PairId};

use super::event::priority_of;
use super::{Ledger, Result, stored, to_store};

/// Kinds of parked tickets for which another mapping may be the cure.
const CURED: [&str; 2] = ["unmapped", "field gone"];

/// What was agreed on about one ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreed {
    pub pair: PairId,
    /// The source's number.
    pub ticket: String,
    pub base: Base,
}

/// A ticket that is looked at again for its mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewrite {
    pub pair: PairId,
    /// Its fields that are to be rewritten, with what the mapping before wanted; `None`: it went into another field.
    pub fields: Vec<(FieldKey, Option<Value>)>,
}

impl Ledger {
    /// The mapping that what was agreed follows.
    pub async fn agreed_mapping(&self, mirror: MirrorId) -> Result<Option<Mapping>> {
        let json: Option<Json> =
            sqlx::query_scalar("select agreed_mapping from mirror where id = $1").bind(mirror.0).fetch_one(&self.pool).await?;
        json.map(|json| stored("the mapping before", json)).transpose()
    }

    /// What is agreed follows this mapping from now on: rewrites were ordered for what does not.
    pub async fn agree_mapping(&self, mirror: MirrorId, mapping: &Mapping) -> Result<()> {
        sqlx::query("update mirror set agreed_mapping = $2 where id = $1")
            .bind(mirror.0)
            .bind(to_store(mapping))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The mapping's version as it was applied last, maybe by another process.
    pub async fn mapping_version(&self, mirror: MirrorId) -> Result<String> {
        Ok(sqlx::query_scalar("select mapping_version from mirror where id = $1").bind(mirror.0).fetch_one(&self.pool).await?)
    }

    /// A page of what was agreed on, in the order of the pairs: those after `after`, up to `most`. Tickets that have ended are left out.
    pub async fn agreed(&self, mirror: MirrorId, after: PairId, most: i64) -> Result<Vec<Agreed>> {
        let rows = sqlx::query(
            "select id, source_ticket, base from pair
             where mirror_id = $1 and id > $2 and base is not null and source_ticket is not null and target_ticket is not null
               and authority = 'source' and state not in ('merged', 'deleted')
             order by id limit $3",
        )
        .bind(mirror.0)
        .bind(after.0)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        let mut agreed = Vec::with_capacity(rows.len());
        for row in rows {
            let base = stored("a base", row.get::<Json, _>("base"))?;
            agreed.push(Agreed { pair: PairId(row.get("id")), ticket: row.get("source_ticket"), base });
        }
        Ok(agreed)
    }

    /// Orders rewrites: the lanes are raised as by a hint of the operator, behind live changes. Returns how many were.
    pub async fn order_rewrites(&self, mirror: MirrorId, version: &str, rewrites: &[Rewrite], now: DateTime<Utc>) -> Result<i64> {
        let fields = || rewrites.iter().flat_map(|one| one.fields.iter().map(|(field, before)| (one.pair.0, field, before)));
        let raised = sqlx::query_scalar(
            "with held as (
                 select pair_id from lane where mirror_id = $1 and pair_id = any($2) order by pair_id for update
             ), raised as (
                 update lane l
                 set pending = l.pending + 1,
                     due_at = case when l.attempts > 0 then l.due_at else least(l.due_at, $6) end,
                     priority = case when l.pending > l.applied then l.priority else $7 end,
                     waiting_since = coalesce(l.waiting_since, $6)
                 from held
                 where l.pair_id = held.pair_id
                 returning l.pair_id, l.pending
             ), wanted as (
                 insert into reapply (pair_id, field, seq, wanted)
                 select w.pair_id, w.field, r.pending, w.wanted
                 from unnest($3::bigint[], $4::text[], $5::jsonb[]) as w(pair_id, field, wanted) join raised r on r.pair_id = w.pair_id
                 on conflict (pair_id, field) do update set seq = excluded.seq
             ), told as (
                 insert into change_event (tenant_id, mirror_id, side, ticket, pair_id, seq, origin, what, evidence, happened_at,
                                           received_at)
                 select p.tenant_id, p.mirror_id, 'source', p.source_ticket, p.id, r.pending, $8, 'the mapping changed',
                        'mapping:' || $9 || ':' || p.id, $6, $6
                 from raised r join pair p on p.id = r.pair_id
                 on conflict (mirror_id, side, evidence) do update
                 set seq = excluded.seq, happened_at = excluded.happened_at, received_at = excluded.received_at, applied_at = null
             )
             select count(*) from raised",
        )
        .bind(mirror.0)
        .bind(rewrites.iter().map(|one| one.pair.0).collect::<Vec<_>>())
        .bind(fields().map(|(pair, _, _)| pair).collect::<Vec<_>>())
        .bind(fields().map(|(_, field, _)| field.to_string()).collect::<Vec<_>>())
        .bind(fields().map(|(_, _, before)| to_store(before)).collect::<Vec<_>>())
        .bind(now)
        .bind(priority_of(Origin::Backfill))
        .bind(Origin::Operator.as_str())
        .bind(version)
        .fetch_one(&self.pool)
        .await?;
        Ok(raised)
    }
}

/// Tickets that wait for the mapping are tried again: it may know their words now. What it still does not know is parked again.
pub(super) async fn retry_unmapped(connection: &mut PgConnection, mirror: MirrorId, now: DateTime<Utc>) -> Result<()> {
    sqlx::query(
        "update lane l set blocked = false, due_at = $2, attempts = 0
         where l.mirror_id = $1 and l.blocked and exists (
             select 1 from parked k where k.pair_id = l.pair_id and k.decided_at is null and k.blocking and k.kind = any($3))",
    )
    .bind(mirror.0)
    .bind(now)
    .bind(&CURED[..])
    .execute(connection)
    .await?;
    Ok(())
}
