//! Merged tickets: which pair survives, and who owns the messages afterwards.

use chrono::{DateTime, Utc};
use sqlx::Row;

use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::mirror::{MirrorId, PairId};

use super::lane::Claim;
use super::settle::hold;
use super::{Ledger, Result};

impl Ledger {
    /// The pair in which the conversation of a ticket of a desk goes on, following merges to the root, and its ticket at the other desk.
    /// `None`: it has none there yet.
    pub async fn root_of(&self, mirror: MirrorId, side: Side, ticket: &TicketId) -> Result<Option<(PairId, TicketId)>> {
        let row = sqlx::query(
            "with recursive chain as (
                 select id, merged_into, source_ticket, target_ticket, 0 as depth from pair
                 where mirror_id = $1 and ($3 = 'source' and source_ticket = $2 or $3 = 'target' and target_ticket = $2)
                 union all
                 select p.id, p.merged_into, p.source_ticket, p.target_ticket, c.depth + 1
                 from chain c join pair p on p.id = c.merged_into
                 where c.depth < 20
             ), root as (
                 select id, case $3 when 'source' then target_ticket else source_ticket end as there from chain where merged_into is null
             )
             select id, there from root where there is not null limit 1",
        )
        .bind(mirror.0)
        .bind(ticket.as_str())
        .bind(side.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| (PairId(row.get("id")), TicketId::new(row.get::<String, _>("there")))))
    }

    /// Notes that a pair was merged: its messages belong to the survivor, which is looked at again.
    pub async fn settle_merge(&self, claim: &Claim, root: PairId, now: DateTime<Utc>) -> Result<()> {
        if root == claim.pair {
            return Ok(());
        }
        let mut transaction = self.pool.begin().await?;
        hold(&mut transaction, claim).await?;
        let first: Option<i64> =
            sqlx::query_scalar("update pair set merged_into = $2 where id = $1 and merged_into is null returning id")
                .bind(claim.pair.0)
                .bind(root.0)
                .fetch_optional(&mut *transaction)
                .await?;
        sqlx::query("update message_link set pair_id = $2 where pair_id = $1")
            .bind(claim.pair.0)
            .bind(root.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        if first.is_some() {
            // In a statement of its own: two merges into each other's survivors must not wait for each other's lanes.
            sqlx::query("update lane set pending = pending + 1, due_at = least(due_at, $2) where pair_id = $1")
                .bind(root.0)
                .bind(now)
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }

    /// Destroys the raw payloads of a ticket, and the words that a check quoted of it: something in them was taken from people's eyes at
    /// the source. Payloads that brought nothing new belong to no ticket's events, and may be about this one: they go too.
    pub async fn scrub(&self, claim: &Claim) -> Result<()> {
        sqlx::query(
            "with judged as (delete from verdict where pair_id = $1)
             update delivery set body = '', headers = '[]'
             where id in (select delivery_id from change_event where pair_id = $1 and delivery_id is not null)
                or mirror_id = $2 and unreadable_why is null
                   and not exists (select 1 from change_event e where e.delivery_id = delivery.id)",
        )
        .bind(claim.pair.0)
        .bind(claim.mirror.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
