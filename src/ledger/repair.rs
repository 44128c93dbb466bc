//! Repairs that an operator ordered after a check: records that stand in the way are taken out, and the lane is raised. What is then done
//! about the ticket is the normal path's business.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, Row};

use crate::change::{Hint, Origin};
use crate::desk::Side;
use crate::desk::id::{MessageId, TicketId};
use crate::desk::ticket::Link;
use crate::mirror::{MirrorId, PairId};

use super::event::{Arrival, raise};
use super::pair::{lead_of, side_of};
use super::ruling::{PutBack, rule};
use super::{Ledger, Result, to_store};

/// What is to be done about one pair.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mend {
    /// Source messages whose copies are not there any more: they are sent again.
    pub say: Vec<MessageId>,
    /// Source messages whose copies are to be hidden again.
    pub hide: Vec<MessageId>,
    /// Links of the source ticket that are to be made again.
    pub links: Vec<Link>,
    pub fields: Vec<PutBack>,
}

impl Ledger {
    /// Orders a repair, by whom. `false`: something is going on at the ticket, or its lane has moved past `pending`, and nothing was
    /// ordered.
    pub async fn order_repair(&self, (pair, pending): (PairId, i64), mend: &Mend, by: &str, now: DateTime<Utc>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let row = sqlx::query(
            "select p.mirror_id, p.authority, p.source_ticket, p.target_ticket
             from lane l join pair p on p.id = l.pair_id
             where l.pair_id = $1 and l.pending = $2 and l.applied = l.pending and l.look_again_at is null
               and l.lease_owner is null and not l.blocked
             for update of l",
        )
        .bind(pair.0)
        .bind(pending)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else { return Ok(false) };
        let mirror = MirrorId(row.get("mirror_id"));
        forget(&mut transaction, (mirror, pair), mend).await?;
        rule(&mut transaction, pair, &mend.fields, by, now).await?;
        let ticket = |side| {
            let column = if side == Side::Source { "source_ticket" } else { "target_ticket" };
            row.get::<Option<String>, _>(column).map(TicketId::new)
        };
        let side = lead_of(side_of(row.get("authority")), |side| ticket(side).is_some());
        let hints: Vec<Hint> = ticket(side).map(|ticket| look(ticket, now)).into_iter().collect();
        raise(&mut transaction, &order(mirror, side, &hints, now)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Orders a look at source tickets, whether or not a pair stands for them. Returns how many.
    pub async fn order_looks(&self, mirror: MirrorId, tickets: &[TicketId], now: DateTime<Utc>) -> Result<u64> {
        let hints: Vec<Hint> = tickets.iter().map(|ticket| look(ticket.clone(), now)).collect();
        let mut transaction = self.pool.begin().await?;
        let raised = raise(&mut transaction, &order(mirror, Side::Source, &hints, now)).await?;
        transaction.commit().await?;
        Ok(raised.events)
    }
}

fn look(ticket: TicketId, now: DateTime<Utc>) -> Hint {
    Hint {
        evidence: format!("repair:{ticket}:{}", now.timestamp_micros()),
        ticket,
        what: "sent again after a check".to_string(),
        least_stamp: None,
        feed_stamp: None,
        at: now,
    }
}

fn order(mirror: MirrorId, side: Side, hints: &[Hint], now: DateTime<Utc>) -> Arrival<'_> {
    Arrival { mirror, side, origin: Origin::Operator, received_at: now, hints, deliveries: &[] }
}

/// Takes out what says that a thing was carried which is not there.
async fn forget(connection: &mut PgConnection, (mirror, pair): (MirrorId, PairId), mend: &Mend) -> Result<()> {
    let ids = |messages: &[MessageId]| messages.iter().map(|id| id.as_str().to_string()).collect::<Vec<_>>();
    sqlx::query("delete from message_link where mirror_id = $1 and origin_side = 'source' and source_message = any($2)")
        .bind(mirror.0)
        .bind(ids(&mend.say))
        .execute(&mut *connection)
        .await?;
    sqlx::query("update message_link set visibility = 'public' where mirror_id = $1 and origin_side = 'source' and source_message = any($2)")
        .bind(mirror.0)
        .bind(ids(&mend.hide))
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "update pair
         set base = jsonb_set(base, '{links}', coalesce(
             (select jsonb_agg(link) from jsonb_array_elements(base -> 'links') link where not link -> 'source' = any($2)), '[]'))
         where id = $1 and base ? 'links' and cardinality($2::jsonb[]) > 0",
    )
    .bind(pair.0)
    .bind(mend.links.iter().map(to_store).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
