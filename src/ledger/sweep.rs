//! The sweep: tickets that nobody told of for long are looked at again, because some changes no witness sees.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::change::Origin;
use crate::clock::delta;
use crate::mirror::MirrorId;

use super::event::priority_of;
use super::{Ledger, Result};

impl Ledger {
    /// Orders a look at tickets whose last whole read is older than three quarters of `bound`, the oldest first, at most a
    /// sixteenth of all: called 64 times in each `bound`, it comes to every live ticket within it. A ticket that waits already, or
    /// for a person, is left alone. One event for each ticket is kept, that of the last look. Where changes are
    /// carried in runs nothing is ordered: each would read every ticket. Returns how many were ordered.
    pub async fn order_sweep(&self, mirror: MirrorId, bound: Duration, now: DateTime<Utc>) -> Result<i64> {
        let ordered = sqlx::query_scalar(
            "with live as (
                 select p.id, coalesce(p.read_at, p.created_at) as looked_at
                 from pair p
                 where p.mirror_id = $1 and p.source_ticket is not null and p.target_ticket is not null and p.state not in ('merged', 'deleted')
                   and not (select m.by_runs from mirror m where m.id = $1)
             ), due as (
                 select l.pair_id
                 from lane l join live on live.id = l.pair_id
                 where live.looked_at <= $2 and l.pending = l.applied and l.look_again_at is null and not l.blocked
                 order by live.looked_at
                 limit (select count(*) / 16 + 1 from live)
                 for update of l skip locked
             ), raised as (
                 update lane l set pending = l.pending + 1, due_at = $3, priority = $4
                 from due
                 where l.pair_id = due.pair_id
                 returning l.pair_id, l.pending
             ), told as (
                 insert into change_event (tenant_id, mirror_id, side, ticket, pair_id, seq, origin, what, evidence, happened_at,
                                           received_at)
                 select p.tenant_id, p.mirror_id, p.authority,
                        case p.authority when 'source' then p.source_ticket else p.target_ticket end,
                        p.id, r.pending, $5, 'looked at again', 'sweep:' || p.id, $3, $3
                 from raised r join pair p on p.id = r.pair_id
                 on conflict (mirror_id, side, evidence) do update
                 set seq = excluded.seq, happened_at = excluded.happened_at, received_at = excluded.received_at, applied_at = null
             )
             select count(*) from raised",
        )
        .bind(mirror.0)
        .bind(now - delta(bound * 3 / 4))
        .bind(now)
        .bind(priority_of(Origin::Sweep))
        .bind(Origin::Sweep.as_str())
        .fetch_one(&self.pool)
        .await?;
        Ok(ordered)
    }
}
