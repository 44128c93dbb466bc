//! Taking a copy back: which tickets and people we made, what became of them, and the pairs as if nothing had been copied.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};

use crate::desk::id::{PersonId, TicketId};
use crate::mirror::{MirrorId, PairId};

use super::lane::Claim;
use super::settle::hold;
use super::{Ledger, Result};

/// How the pause begins that a taking back makes; another pause is a person's, and stays.
const TAKING: &str = "its copy is being taken back";

/// Somebody whom we made at the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadePerson {
    pub source: PersonId,
    pub target: PersonId,
    pub name: String,
}

impl Ledger {
    /// Pauses the mirror for it. What was not copied yet rests from now on, and a listing that was under way is over.
    pub async fn begin_takeback(&self, mirror: MirrorId, sample_only: bool, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "update mirror
             set phase = 'rehearsing', reference_time = null,
                 paused_why = coalesce(paused_why, $2 || '; `tidegate takeback ' || name || '` goes on')
             where id = $1",
        )
        .bind(mirror.0)
        .bind(TAKING)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("update backfill set finished_at = $2 where mirror_id = $1 and finished_at is null")
            .bind(mirror.0)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        if !sample_only {
            sqlx::query("delete from sample where mirror_id = $1").bind(mirror.0).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Ends it: the sample is forgotten, and the pause is over if it was ours. Returns whether the mirror is still paused.
    pub async fn end_takeback(&self, mirror: MirrorId) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("delete from sample where mirror_id = $1").bind(mirror.0).execute(&mut *transaction).await?;
        let paused = sqlx::query_scalar(
            "update mirror set paused_why = case when starts_with(paused_why, $2) then null else paused_why end
             where id = $1
             returning paused_why is not null",
        )
        .bind(mirror.0)
        .bind(TAKING)
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(paused)
    }

    /// Pairs that have, or may have, a target ticket. Merged ones come before their survivors.
    pub async fn pairs_to_take(&self, mirror: MirrorId, sample_only: bool) -> Result<Vec<PairId>> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "select p.id from pair p
             where p.mirror_id = $1
               and (p.target_ticket is not null
                   or exists (select 1 from pair_former f where f.pair_id = p.id)
                   or exists (select 1 from intent i where i.pair_id = p.id and i.state in ('prepared', 'sent')))
               and (not $2 or exists (
                   select 1 from sample s where s.mirror_id = p.mirror_id and s.source_ticket = p.source_ticket))
             order by p.merged_into is null, p.id",
        )
        .bind(mirror.0)
        .bind(sample_only)
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().map(PairId).collect())
    }

    /// Whether another tool made the pair's target ticket.
    pub async fn is_adopted(&self, pair: PairId) -> Result<bool> {
        let adopted = sqlx::query_scalar("select adopted_at is not null from pair where id = $1")
            .bind(pair.0)
            .fetch_one(&self.pool)
            .await?;
        Ok(adopted)
    }

    /// Notes that a target ticket of a pair is gone, and closes the write that removed it.
    pub async fn bury_ticket(&self, claim: &Claim, ticket: &TicketId, intent: Option<i64>, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        hold(&mut transaction, claim).await?;
        sqlx::query(
            "insert into tombstone (mirror_id, kind, source, target, removed_at, asked_at)
             select mirror_id, 'ticket', coalesce(source_ticket, ''), $2, $3, $3 from pair where id = $1
             on conflict (mirror_id, kind, target) do nothing",
        )
        .bind(claim.pair.0)
        .bind(ticket.as_str())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("update intent set state = 'done', closed_at = $2 where id = $1")
            .bind(intent)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The pair is as if it had never been copied: its target tickets are gone. Its writes and its tombstones stay. Gives the lane back,
    /// with nothing to do.
    pub async fn settle_takeback(&self, claim: &Claim, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        hold(&mut transaction, claim).await?;
        sqlx::query(
            "update pair
             set target_ticket = null, authority = 'source', turned_at = null, state = 'new', base = null, mapping_version = null, source_stamp = null,
                 source_feed_stamp = null, target_stamp = null, target_feed_stamp = null, seen_acts = '{}', read_at = null,
                 merged_into = null, incomplete_why = null, adopted_at = null
             where id = $1",
        )
        .bind(claim.pair.0)
        .execute(&mut *transaction)
        .await?;
        forget(&mut transaction, claim, now).await?;
        sqlx::query(
            "update lane
             set applied = pending, lease_owner = null, lease_until = null, attempts = 0, fault = null, fault_kind = null,
                 blocked = false, look_again_at = null, waiting_since = null
             where pair_id = $1",
        )
        .bind(claim.pair.0)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "insert into figure (mirror_id, name, value) values ($1, 'tickets taken back', 1)
             on conflict (mirror_id, name) do update set value = figure.value + 1",
        )
        .bind(claim.mirror.0)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Those of the tickets that were not taken back: a desk may still find one that is gone.
    pub async fn not_buried(&self, mirror: MirrorId, tickets: &[TicketId]) -> Result<Vec<TicketId>> {
        let ids: Vec<&str> = tickets.iter().map(TicketId::as_str).collect();
        let rows: Vec<String> = sqlx::query_scalar(
            "select t.id from unnest($2::text[]) with ordinality as t(id, place)
             where not exists (select 1 from tombstone b where b.mirror_id = $1 and b.kind = 'ticket' and b.target = t.id)
             order by t.place",
        )
        .bind(mirror.0)
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(TicketId::new).collect())
    }

    /// Customers whom we made at the target and who are there as far as is known.
    pub async fn people_made(&self, mirror: MirrorId) -> Result<Vec<MadePerson>> {
        let rows = sqlx::query(
            "select source_person, target_person, name from person_link
             where mirror_id = $1 and side = 'source' and how = 'created' and target_person is not null
             order by source_person",
        )
        .bind(mirror.0)
        .fetch_all(&self.pool)
        .await?;
        let read = |row: sqlx::postgres::PgRow| MadePerson {
            source: PersonId::new(row.get::<String, _>("source_person")),
            target: PersonId::new(row.get::<String, _>("target_person")),
            name: row.get("name"),
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Records that a person is about to be removed.
    pub async fn ask_removal(&self, mirror: MirrorId, person: &MadePerson, now: DateTime<Utc>) -> Result<()> {
        sqlx::query(
            "insert into tombstone (mirror_id, kind, source, target, asked_at) values ($1, 'person', $2, $3, $4)
             on conflict (mirror_id, kind, target) do update set asked_at = excluded.asked_at",
        )
        .bind(mirror.0)
        .bind(person.source.as_str())
        .bind(person.target.as_str())
        .bind(now)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// What came of it: a person who is gone is looked up and made anew when needed; one who stays is ours as before.
    pub async fn settle_removal(&self, mirror: MirrorId, person: &MadePerson, gone: bool, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        let row = if gone {
            sqlx::query(
                "delete from person_link where mirror_id = $1 and (side = 'source' and source_person = $2 or target_person = $3)",
            )
            .bind(mirror.0)
            .bind(person.source.as_str())
            .bind(person.target.as_str())
            .execute(&mut *transaction)
            .await?;
            "update tombstone set removed_at = $3 where mirror_id = $1 and kind = 'person' and target = $2"
        } else {
            "delete from tombstone where mirror_id = $1 and kind = 'person' and target = $2 and $3::timestamptz is not null"
        };
        sqlx::query(row).bind(mirror.0).bind(person.target.as_str()).bind(now).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// What was known about the target tickets of a pair.
async fn forget(connection: &mut PgConnection, claim: &Claim, now: DateTime<Utc>) -> Result<()> {
    for table in [
        "delete from message_link where pair_id = $1",
        "delete from pair_former where pair_id = $1",
        "delete from link_wait where pair_id = $1",
        "delete from conflict where pair_id = $1",
        "delete from destruction where pair_id = $1",
    ] {
        sqlx::query(table).bind(claim.pair.0).execute(&mut *connection).await?;
    }
    sqlx::query("update pair set merged_into = null where merged_into = $1").bind(claim.pair.0).execute(&mut *connection).await?;
    for table in [
        "update parked set decided_at = $2, decision = 'discarded' where pair_id = $1 and decided_at is null",
        "update change_event set applied_at = $2 where pair_id = $1 and applied_at is null",
        "update intent set state = 'void', closed_at = $2 where pair_id = $1 and state in ('prepared', 'sent')",
    ] {
        sqlx::query(table).bind(claim.pair.0).bind(now).execute(&mut *connection).await?;
    }
    Ok(())
}
