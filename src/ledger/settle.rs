//! Settlement: what a write or a whole hydration came to, in one commit, under the fence.

use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use sqlx::PgConnection;

use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::desk::ticket::Visibility;
use crate::merge::base::{Base, MessageLink};

use super::lane::Claim;
use super::window::place;
use super::{Error, Ledger, Result, to_store};

/// What one write came to.
#[derive(Debug, Default)]
pub struct StepSettled<'a> {
    pub intent: Option<i64>,
    pub result: Json,
    /// The ticket that was made or found, and at which desk.
    pub made: Option<(Side, &'a TicketId)>,
    pub base: Option<&'a Base>,
    pub links: &'a [MessageLink],
    pub figures: &'a [(&'static str, i64)],
}

/// What a whole hydration came to.
#[derive(Debug)]
pub struct LaneSettled<'a> {
    pub state: &'a str,
    pub base: &'a Base,
    pub lead: Side,
    /// Strong stamp and feed stamp of the leading ticket as it was read; strong stamp of the other.
    pub lead_stamp: Option<&'a str>,
    pub lead_feed_stamp: Option<&'a str>,
    pub follow_stamp: Option<&'a str>,
    pub follow_feed_stamp: Option<&'a str>,
    /// Digests of what those reads showed; without one the next read is taken as it is.
    pub lead_shown: Option<String>,
    pub follow_shown: Option<String>,
    /// Acts that the last read of the following ticket showed, by id.
    pub seen_acts: &'a [&'a str],
    /// Our clock when the read of the leading side began.
    pub read_at: Option<DateTime<Utc>>,
    pub mapping_version: &'a str,
    pub incomplete_why: Option<&'a str>,
    pub waits_for: &'a [TicketId],
    pub look_again_at: Option<DateTime<Utc>>,
    /// The window that has the ticket, where both desks agree on it.
    pub window: Option<&'a str>,
    /// Fields whose rewrite after a changed mapping is put off: it stays ordered.
    pub put_off: &'a [String],
    pub figures: &'a [(&'static str, i64)],
}

impl Ledger {
    /// Settles one write: ids, base, links and figures. Errors: `Fenced` when the lane is no longer ours.
    pub async fn settle_step(&self, claim: &Claim, step: StepSettled<'_>, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        hold(&mut transaction, claim).await?;
        if let Some(made) = step.made {
            put_ticket(&mut transaction, claim, made).await?;
            wake_waiting(&mut transaction, claim, now).await?;
        }
        if let Some(base) = step.base {
            sqlx::query("update pair set base = $2 where id = $1")
                .bind(claim.pair.0)
                .bind(to_store(base))
                .execute(&mut *transaction)
                .await?;
        }
        put_links(&mut transaction, claim, step.links, now).await?;
        count(&mut transaction, claim, step.figures).await?;
        if let Some(intent) = step.intent {
            // Progress was made: the next fault is the first again.
            sqlx::query("update lane set attempts = 0 where pair_id = $1 and attempts > 0")
                .bind(claim.pair.0)
                .execute(&mut *transaction)
                .await?;
            sqlx::query("update intent set state = 'done', result = $2, closed_at = $3 where id = $1")
                .bind(intent)
                .bind(step.result)
                .bind(now)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Settles a lane: base, stamps, waiting, events and figures, and gives the lane back. Errors: `Fenced`.
    pub async fn settle_lane(&self, claim: &Claim, settled: LaneSettled<'_>, now: DateTime<Utc>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        let pending = hold(&mut transaction, claim).await?;
        let lost = turns_lost(&mut transaction, claim, settled.state).await?;
        update_pair(&mut transaction, claim, &settled).await?;
        if lost {
            wake_waiting(&mut transaction, claim, now).await?;
        }
        sqlx::query(
            "with reapplied as (delete from reapply where pair_id = $1 and seq <= $2 and not field = any($5))
             update change_event set applied_at = $3, settled_by = $4 where pair_id = $1 and seq <= $2 and applied_at is null",
        )
        .bind(claim.pair.0)
        .bind(claim.pending)
        .bind(now)
        .bind(claim.fence)
        .bind(settled.put_off)
        .execute(&mut *transaction)
        .await?;
        let came_in = pending - claim.pending;
        let echoes = if came_in > 0 { settle_echoes(&mut transaction, claim, &settled, now).await? } else { 0 };
        let caught_up = if echoes == came_in { pending } else { claim.pending };
        sqlx::query(
            "update lane
             set applied = greatest(applied, $5), lease_owner = null, lease_until = null, attempts = 0, fault = null,
                 fault_kind = null, due_at = $3, look_again_at = $4,
                 waiting_since = (select min(received_at) from change_event
                     where pair_id = $1 and seq > $2 and applied_at is null)
             where pair_id = $1",
        )
        .bind(claim.pair.0)
        .bind(claim.pending)
        .bind(now)
        .bind(settled.look_again_at)
        .bind(caught_up)
        .execute(&mut *transaction)
        .await?;
        if let Some(window) = settled.window {
            place(&mut transaction, claim, window, now).await?;
        }
        put_waits(&mut transaction, claim, (settled.lead, settled.waits_for), now).await?;
        count(&mut transaction, claim, settled.figures).await?;
        sqlx::query(
            "update parked set decided_at = $2, decision = 'resolved' where pair_id = $1 and blocking and decided_at is null",
        )
        .bind(claim.pair.0)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes the pair's target away into its former ones: a follow-up takes over.
    pub async fn retire_target(&self, claim: &Claim) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        hold(&mut transaction, claim).await?;
        sqlx::query(
            "insert into pair_former (pair_id, ordinal, target_ticket, base)
             select p.id, (select count(*) from pair_former f where f.pair_id = p.id), p.target_ticket, p.base
             from pair p where p.id = $1 and p.target_ticket is not null",
        )
        .bind(claim.pair.0)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("update pair set target_ticket = null, base = null, target_stamp = null where id = $1")
            .bind(claim.pair.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Locks the lane's row and refuses if somebody else holds it. Returns how many hints have come in by now.
pub(super) async fn hold(connection: &mut PgConnection, claim: &Claim) -> Result<i64> {
    let held: Option<i64> = sqlx::query_scalar("select pending from lane where pair_id = $1 and fence = $2 for update")
        .bind(claim.pair.0)
        .bind(claim.fence)
        .fetch_optional(connection)
        .await?;
    held.ok_or(Error::Fenced)
}

/// Gives the pair its other ticket. A hint about it may have come before: then another pair was made for it, whose hints are taken over by
/// one more look.
async fn put_ticket(connection: &mut PgConnection, claim: &Claim, (side, ticket): (Side, &TicketId)) -> Result<()> {
    let early = sqlx::query(
        "delete from pair
         where mirror_id = $1 and id <> $2
           and ($4 = 'source' and source_ticket = $3 and target_ticket is null
                or $4 = 'target' and target_ticket = $3 and source_ticket is null)",
    )
    .bind(claim.mirror.0)
    .bind(claim.pair.0)
    .bind(ticket.as_str())
    .bind(side.as_str())
    .execute(&mut *connection)
    .await?;
    if early.rows_affected() > 0 {
        sqlx::query("update lane set pending = pending + 1 where pair_id = $1")
            .bind(claim.pair.0)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(
        "update pair
         set source_ticket = case $3 when 'source' then $2 else source_ticket end,
             target_ticket = case $3 when 'target' then $2 else target_ticket end,
             state = case state when 'new' then 'copied' else state end
         where id = $1",
    )
    .bind(claim.pair.0)
    .bind(ticket.as_str())
    .bind(side.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

async fn update_pair(connection: &mut PgConnection, claim: &Claim, settled: &LaneSettled<'_>) -> Result<()> {
    let lead_is_source = settled.lead == Side::Source;
    let (source_stamp, target_stamp) =
        if lead_is_source { (settled.lead_stamp, settled.follow_stamp) } else { (settled.follow_stamp, settled.lead_stamp) };
    let (lead_feed, follow_feed) = (settled.lead_feed_stamp, settled.follow_feed_stamp);
    let (source_feed, target_feed) = if lead_is_source { (lead_feed, follow_feed) } else { (follow_feed, lead_feed) };
    let (lead_shown, follow_shown) = (settled.lead_shown.as_deref(), settled.follow_shown.as_deref());
    let (source_shown, target_shown) = if lead_is_source { (lead_shown, follow_shown) } else { (follow_shown, lead_shown) };
    sqlx::query(
        "update pair
         set state = $2, base = $3, mapping_version = $4, incomplete_why = $5,
             source_stamp = coalesce($6, source_stamp), target_stamp = coalesce($7, target_stamp),
             source_feed_stamp = coalesce($8, source_feed_stamp), target_feed_stamp = coalesce($9, target_feed_stamp),
             seen_acts = $10, read_at = coalesce($11, read_at),
             source_shown = case when $6 is null then source_shown else $12 end,
             target_shown = case when $7 is null then target_shown else $13 end
         where id = $1",
    )
    .bind(claim.pair.0)
    .bind(settled.state)
    .bind(to_store(settled.base))
    .bind(settled.mapping_version)
    .bind(settled.incomplete_why)
    .bind(source_stamp)
    .bind(target_stamp)
    .bind(source_feed)
    .bind(target_feed)
    .bind(settled.seen_acts)
    .bind(settled.read_at)
    .bind(source_shown)
    .bind(target_shown)
    .execute(connection)
    .await?;
    Ok(())
}

/// Hints that came in during the replay and tell of nothing but what its last read of the following side showed are settled with
/// it. Returns how many.
async fn settle_echoes(
    connection: &mut PgConnection,
    claim: &Claim,
    settled: &LaneSettled<'_>,
    now: DateTime<Utc>,
) -> Result<i64> {
    let echoes = sqlx::query(
        "update change_event
         set applied_at = $3, settled_by = $7
         where pair_id = $1 and seq > $2 and applied_at is null and side = $4 and (least_stamp = any($5) or feed_stamp = $6)",
    )
    .bind(claim.pair.0)
    .bind(claim.pending)
    .bind(now)
    .bind(settled.lead.other().as_str())
    .bind(settled.seen_acts)
    .bind(settled.follow_feed_stamp)
    .bind(claim.fence)
    .execute(connection)
    .await?;
    Ok(i64::try_from(echoes.rows_affected()).unwrap_or(i64::MAX))
}

/// Whether a ticket that others may wait for turns into one that will not be carried: they are told.
async fn turns_lost(connection: &mut PgConnection, claim: &Claim, state: &str) -> Result<bool> {
    if !matches!(state, "outside" | "deleted" | "merged") {
        return Ok(false);
    }
    let turns =
        sqlx::query_scalar("select state <> $2 and (source_ticket is null or target_ticket is null) from pair where id = $1")
            .bind(claim.pair.0)
            .bind(state)
            .fetch_one(connection)
            .await?;
    Ok(turns)
}

/// Those who wait are looked for again after they are put in: the other end may have been settled in between. Both sides take
/// the same key lock, so one of them sees the other.
async fn put_waits(
    connection: &mut PgConnection,
    claim: &Claim,
    (side, waits_for): (Side, &[TicketId]),
    now: DateTime<Utc>,
) -> Result<()> {
    let ids: Vec<&str> = waits_for.iter().map(TicketId::as_str).collect();
    sqlx::query("delete from link_wait where pair_id = $1 and (side <> $3 or waits_for <> all($2))")
        .bind(claim.pair.0)
        .bind(&ids)
        .bind(side.as_str())
        .execute(&mut *connection)
        .await?;
    if ids.is_empty() {
        return Ok(());
    }
    lock_ids(connection, claim, Kin::Tickets, &ids).await?;
    sqlx::query(
        "insert into link_wait (mirror_id, pair_id, side, waits_for) select $1, $2, $4, unnest($3::text[]) on conflict do nothing",
    )
    .bind(claim.mirror.0)
    .bind(claim.pair.0)
    .bind(&ids)
    .bind(side.as_str())
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "update lane set look_again_at = $4
         where pair_id = $1 and exists (
             select 1 from pair
             where mirror_id = $2 and source_ticket is not null and target_ticket is not null
               and ($5 = 'source' and source_ticket = any($3) or $5 = 'target' and target_ticket = any($3)))",
    )
    .bind(claim.pair.0)
    .bind(claim.mirror.0)
    .bind(&ids)
    .bind(now)
    .bind(side.as_str())
    .execute(connection)
    .await?;
    Ok(())
}

/// Which ids a lock is about: a ticket and a message may have the same number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kin {
    Messages,
    Tickets,
}

/// Locks ids of a mirror until the commit, in one order for everybody.
pub(super) async fn lock_ids(connection: &mut PgConnection, claim: &Claim, kin: Kin, ids: &[&str]) -> Result<()> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1::text || '/' || id, $2)) from unnest($3::text[]) as id")
        .bind(claim.mirror.0)
        .bind(kin as i64)
        .bind(sorted)
        .execute(connection)
        .await?;
    Ok(())
}

async fn wake_waiting(connection: &mut PgConnection, claim: &Claim, now: DateTime<Utc>) -> Result<()> {
    let (source, target): (Option<String>, Option<String>) =
        sqlx::query_as("select source_ticket, target_ticket from pair where id = $1")
            .bind(claim.pair.0)
            .fetch_one(&mut *connection)
            .await?;
    let ids: Vec<&str> = [&source, &target].into_iter().flatten().map(String::as_str).collect();
    lock_ids(connection, claim, Kin::Tickets, &ids).await?;
    sqlx::query(
        "update lane set pending = pending + 1, due_at = least(due_at, $3)
         where pair_id in (
                 select pair_id from link_wait
                 where mirror_id = $1 and (side = 'source' and waits_for = $2 or side = 'target' and waits_for = $5))
           and pair_id <> $4",
    )
    .bind(claim.mirror.0)
    .bind(&source)
    .bind(now)
    .bind(claim.pair.0)
    .bind(&target)
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn put_links(
    connection: &mut PgConnection,
    claim: &Claim,
    links: &[MessageLink],
    now: DateTime<Utc>,
) -> Result<()> {
    for link in links {
        let visibility = match link.visibility {
            Visibility::Public => "public",
            Visibility::Internal => "internal",
        };
        sqlx::query(
            "insert into message_link (mirror_id, source_message, target_message, pair_id, digest, visibility, files, exposed, made_at,
                 origin_side)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             on conflict (mirror_id, origin_side, original) do update
             set source_message = coalesce(excluded.source_message, message_link.source_message),
                 target_message = coalesce(excluded.target_message, message_link.target_message), pair_id = excluded.pair_id,
                 digest = excluded.digest, visibility = excluded.visibility, files = excluded.files, exposed = excluded.exposed",
        )
        .bind(claim.mirror.0)
        .bind(link.at(Side::Source).map(|id| id.as_str()))
        .bind(link.at(Side::Target).map(|id| id.as_str()))
        .bind(claim.pair.0)
        .bind(&link.digest)
        .bind(visibility)
        .bind(json!(link.files))
        .bind(link.exposed)
        .bind(now)
        .bind(link.born.as_str())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Raises figures in the commit that they count.
pub(super) async fn count(connection: &mut PgConnection, claim: &Claim, figures: &[(&'static str, i64)]) -> Result<()> {
    let figures: Vec<_> = figures.iter().filter(|(_, by)| *by != 0).collect();
    if figures.is_empty() {
        return Ok(());
    }
    let mut names: Vec<(&str, i64)> = figures.iter().map(|(name, by)| (*name, *by)).collect();
    // One row order for everybody: two settlements never wait for each other.
    names.sort_unstable();
    sqlx::query(
        "insert into figure (mirror_id, name, value)
         select $1, f.name, sum(f.by) from unnest($2::text[], $3::bigint[]) as f(name, by) group by f.name order by f.name
         on conflict (mirror_id, name) do update set value = figure.value + excluded.value",
    )
    .bind(claim.mirror.0)
    .bind(names.iter().map(|(name, _)| *name).collect::<Vec<_>>())
    .bind(names.iter().map(|(_, by)| *by).collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}
