//! Rehearsals: a sample of tickets is copied before all others, and the rest waits.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Row;

use crate::change::{Hint, Origin};
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::mirror::MirrorId;

use super::event::{Arrival, raise};
use super::{Ledger, Result};

/// The condition on lane `l` of mirror `m` that it is worked on: nothing is until a copy, a sample or an adoption is ordered, because that
/// asks for the check of the mirror file. While a mirror is rehearsed, only the sample is, and what is in the target already. Changes of
/// all other tickets stay in their lanes until the copy is ordered. Where changes are carried in runs, they stay there until a run takes
/// them up. Nothing of a retired mirror is.
macro_rules! carried {
    () => {
        "(m.phase not in ('applied', 'retired') and (m.phase <> 'rehearsing' or exists (
             select 1 from pair c left join sample s on s.mirror_id = c.mirror_id and s.source_ticket = c.source_ticket
             where c.id = l.pair_id and (c.target_ticket is not null or s.source_ticket is not null)))
         and (not m.by_runs or m.phase <> 'mirroring' or m.run_carries and l.applied < coalesce(l.run_seq, 0)))"
    };
}
pub(super) use carried;

/// A ticket that is to be in the sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    pub hint: Hint,
    /// What it shows, in words: `longest thread (23 messages)`.
    pub why: String,
}

/// A ticket of the sample and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sampled {
    pub source_ticket: TicketId,
    pub why: String,
    pub target_ticket: Option<TicketId>,
    /// As [`super::pair::Pair::state`].
    pub state: String,
    /// Something of it is still to be done.
    pub waits: bool,
    /// Why it waits for a person.
    pub parked: Option<String>,
    /// What went wrong when it was tried last.
    pub fault: Option<String>,
}

impl Ledger {
    /// Adds tickets to the sample and orders their copy. `false`: the mirror copies everything, or did; there is nothing to rehearse.
    pub async fn order_sample(&self, mirror: MirrorId, chosen: &[Chosen], now: DateTime<Utc>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let turned = sqlx::query(
            "update mirror set phase = 'rehearsing' where id = $1 and phase in ('applied', 'rehearsing') returning id",
        )
        .bind(mirror.0)
        .fetch_optional(&mut *transaction)
        .await?;
        if turned.is_none() {
            return Ok(false);
        }
        sqlx::query(
            "insert into sample (mirror_id, source_ticket, why, chosen_at)
             select $1, c.ticket, c.why, $4 from unnest($2::text[], $3::text[]) as c(ticket, why)
             on conflict do nothing",
        )
        .bind(mirror.0)
        .bind(chosen.iter().map(|one| one.hint.ticket.as_str()).collect::<Vec<_>>())
        .bind(chosen.iter().map(|one| one.why.as_str()).collect::<Vec<_>>())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        let hints: Vec<Hint> = chosen
            .iter()
            .map(|one| Hint {
                evidence: format!("sample:{}:{}", one.hint.ticket, now.timestamp_micros()),
                what: "chosen for the rehearsal".to_string(),
                least_stamp: None,
                // What was read once may have been taken back since: it is read again in any case.
                feed_stamp: None,
                ..one.hint.clone()
            })
            .collect();
        let arrival =
            Arrival { mirror, side: Side::Source, origin: Origin::Backfill, received_at: now, hints: &hints, deliveries: &[] };
        raise(&mut transaction, &arrival).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The sample, in the order in which it was chosen.
    pub async fn sample(&self, mirror: MirrorId) -> Result<Vec<Sampled>> {
        let rows = sqlx::query(
            "select s.source_ticket, s.why, p.target_ticket, coalesce(p.state, 'new') as state,
                    coalesce(not l.blocked and l.pending > l.applied, true) as waits, l.fault,
                    (select k.reason from parked k
                     where k.pair_id = p.id and k.decided_at is null and k.blocking limit 1) as parked
             from sample s
             left join pair p on p.mirror_id = s.mirror_id and p.source_ticket = s.source_ticket
             left join lane l on l.pair_id = p.id
             where s.mirror_id = $1
             order by s.chosen_at, length(s.source_ticket), s.source_ticket",
        )
        .bind(mirror.0)
        .fetch_all(&self.pool)
        .await?;
        let read = |row: sqlx::postgres::PgRow| Sampled {
            source_ticket: TicketId::new(row.get::<String, _>("source_ticket")),
            why: row.get("why"),
            target_ticket: row.get::<Option<String>, _>("target_ticket").map(TicketId::new),
            state: row.get("state"),
            waits: row.get("waits"),
            parked: row.get("parked"),
            fault: row.get("fault"),
        };
        Ok(rows.into_iter().map(read).collect())
    }
}
