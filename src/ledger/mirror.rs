//! Mirrors: their configuration, phase and reference time.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::desk::Side;
use crate::mirror::{KeySpace, MirrorId, Phase};

use super::pair::side_of;
use super::reapply::retry_unmapped;
use super::window::keep_windows;
use super::{Error, Ledger, Result};

/// A mirror as the ledger knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorRow {
    pub id: MirrorId,
    pub name: String,
    pub keys: KeySpace,
    /// The resolved mirror file.
    pub config: Json,
    pub mapping_version: String,
    pub phase: Phase,
    pub paused_why: Option<String>,
    pub reference_time: Option<DateTime<Utc>>,
    pub applied_at: DateTime<Utc>,
    /// When the ledger was last found to have gone back in time.
    pub recovered_at: Option<DateTime<Utc>>,
    /// Which desk leads the tickets to come.
    pub leads: Side,
    /// When it was ordered that what is known of it is destroyed: nothing is carried any more.
    pub purged_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str = "id, name, key, config, mapping_version, phase, paused_why, reference_time, applied_at, recovered_at, leads, \
                       (select ordered_at from purge where mirror_id = mirror.id) as purged_at";

impl Ledger {
    /// Makes a mirror or replaces its configuration; ids, pairs and keys stay. Tickets that wait for the mapping are tried again.
    /// Errors: `Purged`.
    pub async fn apply_mirror(&self, name: &str, config: &Json, mapping_version: &str, now: DateTime<Utc>) -> Result<MirrorRow> {
        let id = Uuid::now_v7();
        // Eight digits of a fresh id keep the keys of two gateways apart that use one mirror name on one target.
        let key = format!("{name}-{}", &Uuid::new_v4().simple().to_string()[..8]);
        let mut transaction = self.pool.begin().await?;
        let before: Option<Json> = sqlx::query_scalar("select config -> 'windows' from mirror where name = $1 for update")
            .bind(name)
            .fetch_optional(&mut *transaction)
            .await?
            .flatten();
        let row = sqlx::query(
            "insert into mirror (id, tenant_id, name, key, config, mapping_version, agreed_mapping, created_at, applied_at, births_since)
             select $1, t.id, $2, $3, $4, $5, $4::jsonb -> 'mapping', $6, $6,
                    case when ($4::jsonb #>> '{policy,tickets_back}')::boolean then $6 end
             from tenant t where t.name = 'default'
             on conflict (tenant_id, name) do update
             set config = excluded.config, mapping_version = excluded.mapping_version, applied_at = excluded.applied_at,
                 births_since = coalesce(mirror.births_since, excluded.births_since)
             where not exists (select from purge p where p.mirror_id = mirror.id)
             returning id, name, key, config, mapping_version, phase, paused_why, reference_time, applied_at, recovered_at,
                       leads, null::timestamptz as purged_at",
        )
        .bind(id)
        .bind(name)
        .bind(key)
        .bind(config)
        .bind(mapping_version)
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?
        .ok_or_else(|| Error::Purged(name.to_string()))?;
        let row = read(&row)?;
        retry_unmapped(&mut transaction, row.id, now).await?;
        keep_windows(&mut transaction, row.id, (before.as_ref(), config.get("windows")), now).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// When a mirror was applied first: nothing in its target is older that is ours.
    pub async fn mirror_made_at(&self, mirror: MirrorId) -> Result<DateTime<Utc>> {
        Ok(sqlx::query_scalar("select created_at from mirror where id = $1").bind(mirror.0).fetch_one(&self.pool).await?)
    }

    /// All mirrors, by name.
    pub async fn mirrors(&self) -> Result<Vec<MirrorRow>> {
        let sql = sqlx::AssertSqlSafe(format!("select {COLUMNS} from mirror order by name"));
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// A mirror by name, to work with. Errors: `NoMirror`, `Purged`.
    pub async fn mirror(&self, name: &str) -> Result<MirrorRow> {
        let row = self.mirror_or_its_map(name).await?;
        if row.purged_at.is_some() {
            return Err(Error::Purged(name.to_string()));
        }
        Ok(row)
    }

    /// A mirror by name, even where only its record and the numbers of its tickets are left. Errors: `NoMirror`.
    pub async fn mirror_or_its_map(&self, name: &str) -> Result<MirrorRow> {
        let sql = sqlx::AssertSqlSafe(format!("select {COLUMNS} from mirror where name = $1"));
        let row = sqlx::query(sql).bind(name).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()?.ok_or_else(|| Error::NoMirror(name.to_string()))
    }

    /// Stops writing for this mirror, with a reason; hints are still received.
    pub async fn pause_mirror(&self, id: MirrorId, why: &str) -> Result<()> {
        sqlx::query("update mirror set paused_why = $2 where id = $1").bind(id.0).bind(why).execute(&self.pool).await?;
        Ok(())
    }

    /// Goes on.
    pub async fn resume_mirror(&self, id: MirrorId) -> Result<()> {
        sqlx::query("update mirror set paused_why = null where id = $1").bind(id.0).execute(&self.pool).await?;
        Ok(())
    }

    /// Forgets a mirror and all that is known about its tickets. Nothing is done at the desks.
    pub async fn remove_mirror(&self, id: MirrorId) -> Result<()> {
        sqlx::query("delete from mirror where id = $1").bind(id.0).execute(&self.pool).await?;
        Ok(())
    }

    /// Notes a write that destroys and halts the mirror when there were more than `most` since `since`. Returns whether it
    /// may go ahead.
    pub async fn may_destroy(
        &self,
        claim: &super::lane::Claim,
        kind: &str,
        most: u32,
        since: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("select 1 from mirror where id = $1 for update").bind(claim.mirror.0).execute(&mut *transaction).await?;
        sqlx::query("insert into destruction (mirror_id, pair_id, kind, at) values ($1, $2, $3, $4) on conflict do nothing")
            .bind(claim.mirror.0)
            .bind(claim.pair.0)
            .bind(kind)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        let recent: i64 = sqlx::query_scalar("select count(*) from destruction where mirror_id = $1 and at > $2")
            .bind(claim.mirror.0)
            .bind(since)
            .fetch_one(&mut *transaction)
            .await?;
        let allowed = recent <= i64::from(most);
        if !allowed {
            let why = format!(
                "{recent} deletions and merges in a short time are more than the limit of {most}: look at the source desk; if they are \
                 meant, raise `destructive-limit` in the mirror file, apply it, and resume the mirror"
            );
            halt(&mut transaction, claim.mirror, &why).await?;
        }
        transaction.commit().await?;
        Ok(allowed)
    }
}

/// Pauses a mirror that is not paused yet.
pub(super) async fn halt(connection: &mut PgConnection, mirror: MirrorId, why: &str) -> Result<()> {
    sqlx::query("update mirror set paused_why = $2 where id = $1 and paused_why is null")
        .bind(mirror.0)
        .bind(why)
        .execute(connection)
        .await?;
    Ok(())
}

fn read(row: &PgRow) -> Result<MirrorRow> {
    let phase: String = row.get("phase");
    Ok(MirrorRow {
        id: MirrorId(row.get("id")),
        name: row.get("name"),
        keys: KeySpace(row.get("key")),
        config: row.get("config"),
        mapping_version: row.get("mapping_version"),
        phase: Phase::parse(&phase).ok_or_else(|| Error::Unreadable { what: "a mirror's phase".into(), why: phase })?,
        paused_why: row.get("paused_why"),
        reference_time: row.get("reference_time"),
        applied_at: row.get("applied_at"),
        recovered_at: row.get("recovered_at"),
        leads: side_of(row.get("leads")),
        purged_at: row.get("purged_at"),
    })
}
