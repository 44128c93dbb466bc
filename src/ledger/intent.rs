//! Intents: a write is recorded before it is sent, and closed with what it came to.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sqlx::Row;

use crate::desk::Side;
use crate::merge::base::FieldWrite;
use crate::mirror::PairId;

use super::lane::Claim;
use super::pair::side_of;
use super::settle::{Kin, lock_ids};
use super::{Error, Ledger, Result, stored};

/// A write that may have happened.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIntent {
    pub id: i64,
    /// The desk that it was sent to.
    pub to: Side,
    pub kind: String,
    pub key: String,
    pub detail: Json,
    pub sent_at: Option<DateTime<Utc>>,
}

/// A write about to be sent.
#[derive(Debug, Clone)]
pub struct NewIntent<'a> {
    pub kind: &'a str,
    pub key: &'a str,
    pub detail: Json,
}

impl Ledger {
    /// Records a write as sent, if the claim still holds the lane. Preparing and sending are one commit: between them nothing
    /// could happen that a look-up would not find. Errors: `Fenced`; `Taken` where a message in it is written, or being written,
    /// for another pair.
    pub async fn send_intent(&self, claim: &Claim, intent: NewIntent<'_>, now: DateTime<Utc>) -> Result<i64> {
        let Some((born, messages)) = messages_in(&intent.detail) else {
            return insert(&self.pool, claim, intent, now).await;
        };
        let mut transaction = self.pool.begin().await?;
        only_ours(&mut transaction, claim, (&born, &messages)).await?;
        let id = insert(&mut *transaction, claim, intent, now).await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Closes an intent that did not happen.
    pub async fn void_intent(&self, id: i64, now: DateTime<Utc>) -> Result<()> {
        sqlx::query("update intent set state = 'void', closed_at = $2 where id = $1 and state = 'sent'")
            .bind(id)
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The writes of a lane that may have happened, oldest first.
    pub async fn open_intents(&self, claim: &Claim) -> Result<Vec<OpenIntent>> {
        let rows = sqlx::query(
            "select id, kind, key, detail, sent_at, coalesce(detail ->> 'at', 'target') as sent_to from intent
             where pair_id = $1 and state in ('prepared', 'sent')
             order by id",
        )
        .bind(claim.pair.0)
        .fetch_all(&self.pool)
        .await?;
        let intent = |row: sqlx::postgres::PgRow| OpenIntent {
            id: row.get("id"),
            to: side_of(row.get("sent_to")),
            kind: row.get("kind"),
            key: row.get("key"),
            detail: row.get("detail"),
            sent_at: row.get("sent_at"),
        };
        Ok(rows.into_iter().map(intent).collect())
    }
}

/// What one visit of a worker wrote to a target ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Visit {
    pub at: DateTime<Utc>,
    /// In the order in which they were written.
    pub fields: Vec<FieldWrite>,
    /// Messages and notes that were written too.
    pub messages: usize,
}

impl Ledger {
    /// The last visits that wrote fields of a pair, the latest first: up to fifty.
    pub async fn visits(&self, pair: PairId) -> Result<Vec<Visit>> {
        let rows = sqlx::query(
            "select max(sent_at) as at, count(*) filter (where kind in ('message', 'note') and detail ->> 'at' is distinct from 'source') as messages,
                    jsonb_agg(detail -> 'fields' order by id) filter (where kind = 'fields') as fields
             from intent
             where pair_id = $1 and state = 'done' and kind in ('fields', 'message', 'note')
               and coalesce(detail ->> 'at', 'target') = 'target'
             group by fence
             having bool_or(kind = 'fields')
             order by fence desc
             limit 50",
        )
        .bind(pair.0)
        .fetch_all(&self.pool)
        .await?;
        let visit = |row: &sqlx::postgres::PgRow| {
            let fields: Vec<Vec<FieldWrite>> = stored("a write", row.get("fields"))?;
            let messages = usize::try_from(row.get::<i64, _>("messages")).unwrap_or_default();
            Ok(Visit { at: row.get("at"), fields: fields.concat(), messages })
        };
        rows.iter().map(visit).collect()
    }
}

/// Records it as sent, if the claim still holds the lane, and that the desk may be silent about the ticket from now on. Where a desk is
/// hushed, whoever answers there takes that off right away.
async fn insert<'e>(
    executor: impl sqlx::PgExecutor<'e>,
    claim: &Claim,
    intent: NewIntent<'_>,
    now: DateTime<Utc>,
) -> Result<i64> {
    let id: Option<i64> = sqlx::query_scalar(
        "with sent as (
             insert into intent (tenant_id, mirror_id, pair_id, fence, kind, key, state, detail, prepared_at, sent_at)
             select m.tenant_id, l.mirror_id, l.pair_id, l.fence, $3, $4, 'sent', $5, $6, $6
             from lane l join mirror m on m.id = l.mirror_id
             where l.pair_id = $1 and l.fence = $2 and l.lease_until > $6
             returning id, pair_id, coalesce(detail ->> 'at', 'target') as desk
         ), mute as (
             update pair p
             set source_mute = p.source_mute or s.desk = 'source', target_mute = p.target_mute or s.desk = 'target'
             from sent s
             where p.id = s.pair_id and not case s.desk when 'source' then p.source_mute else p.target_mute end
               and not coalesce(p.base -> 'hushed' ? s.desk, false)
         )
         select id from sent",
    )
    .bind(claim.pair.0)
    .bind(claim.fence)
    .bind(intent.kind)
    .bind(intent.key)
    .bind(intent.detail)
    .bind(now)
    .fetch_optional(executor)
    .await?;
    id.ok_or(Error::Fenced)
}

/// The messages that a write carries, and the side at which they were written.
fn messages_in(detail: &Json) -> Option<(String, Vec<String>)> {
    let links = detail["links"].as_array()?;
    let born = links.first()?["born"].as_str()?.to_string();
    Some((born, links.iter().filter_map(|link| link["original"].as_str().map(str::to_string)).collect()))
}

/// Two tickets that were just merged show the same messages, and each has a lane: one of them writes a message, the other
/// looks again.
async fn only_ours(connection: &mut sqlx::PgConnection, claim: &Claim, (born, messages): (&str, &[String])) -> Result<()> {
    lock_ids(connection, claim, Kin::Messages, &messages.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let taken: bool = sqlx::query_scalar(
        "select exists (select 1 from message_link where mirror_id = $1 and origin_side = $4 and original = any($3))
             or exists (
                 select 1 from intent i, jsonb_array_elements(i.detail -> 'links') link
                 where i.mirror_id = $1 and i.pair_id <> $2 and i.state in ('prepared', 'sent') and link ->> 'born' = $4
                     and link ->> 'original' = any($3))",
    )
    .bind(claim.mirror.0)
    .bind(claim.pair.0)
    .bind(messages)
    .bind(born)
    .fetch_one(&mut *connection)
    .await?;
    if taken { Err(Error::Taken) } else { Ok(()) }
}
