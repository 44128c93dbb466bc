//! Conflicts: fields that both sides changed, with the value that lost, or that wait for a person's decision.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::desk::Side;
use crate::desk::field::Value;
use crate::merge::hand::Hand;
use crate::merge::plan::FieldConflict;
use crate::mirror::{MirrorId, PairId};

use super::lane::Claim;
use super::settle::hold;
use super::{Ledger, Result, stored, to_store};

/// A conflict as a person sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conflict {
    pub id: i64,
    pub source_ticket: Option<String>,
    pub target_ticket: Option<String>,
    pub field: String,
    /// What both held when they last agreed, if they ever did.
    pub base_source: Option<Value>,
    pub base_target: Option<Value>,
    pub source: Value,
    pub target: Value,
    /// Who set it, where the desk told.
    pub source_hand: Option<Hand>,
    pub target_hand: Option<Hand>,
    /// `source`, `target`, `value` or `undecided`.
    pub winner: String,
    /// What was chosen instead of both, in the target's words.
    pub decided_value: Option<Value>,
    /// A person's name; `None`: decided by the policy, or not yet.
    pub decided_by: Option<String>,
    pub decided_at: Option<DateTime<Utc>>,
    pub found_at: DateTime<Utc>,
    /// When nothing was left to do about it: carried out, overtaken by a newer change, or both desks agreed.
    pub closed_at: Option<DateTime<Utc>>,
}

impl Conflict {
    /// Whether it waits for a decision.
    pub fn is_open(&self) -> bool {
        self.winner == "undecided" && self.closed_at.is_none()
    }

    /// Whether the same is to be decided about the same values in another ticket.
    pub fn is_like(&self, other: &Conflict) -> bool {
        (&self.field, &self.source, &self.target) == (&other.field, &other.source, &other.target)
    }
}

/// What one plan found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    pub conflicts: &'a [FieldConflict],
    pub lead: Side,
}

impl Ledger {
    /// All conflicts of a mirror, the latest first.
    pub async fn conflicts(&self, mirror: MirrorId) -> Result<Vec<Conflict>> {
        let rows = sqlx::query(
            "select c.*, p.source_ticket, p.target_ticket
             from conflict c join pair p on p.id = c.pair_id
             where c.mirror_id = $1
             order by c.id desc",
        )
        .bind(mirror.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// The conflicts of one pair, in order.
    pub async fn conflicts_of_pair(&self, pair: PairId) -> Result<Vec<Conflict>> {
        let rows = sqlx::query(
            "select c.*, p.source_ticket, p.target_ticket
             from conflict c join pair p on p.id = c.pair_id
             where c.pair_id = $1
             order by c.id",
        )
        .bind(pair.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Records what a plan found once each. Open ones that it did not find again are closed: the desks agree, or say something newer.
    /// Returns whether one is open now. Errors: `Fenced`.
    pub async fn record_conflicts(&self, claim: &Claim, found: Found<'_>, now: DateTime<Utc>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        hold(&mut transaction, claim).await?;
        close_gone(&mut transaction, claim, found, now).await?;
        let mut news = false;
        for conflict in found.conflicts {
            news |= insert(&mut transaction, claim, (conflict, found.lead), now).await? && conflict.winner.is_none();
        }
        let open: Vec<&FieldConflict> = found.conflicts.iter().filter(|conflict| conflict.winner.is_none()).collect();
        if open.is_empty() {
            not_parked(&mut transaction, &[claim.pair.0], now).await?;
        } else if news {
            park(&mut transaction, claim, (&open, found), now).await?;
        }
        transaction.commit().await?;
        Ok(!open.is_empty())
    }
}

/// Values and hands of the source and the target.
fn sides(conflict: &FieldConflict, lead: Side) -> [(&Value, Option<&Hand>); 2] {
    let [leading, following] = &conflict.hands;
    let (leading, following) = ((&conflict.lead, leading.as_ref()), (&conflict.follow, following.as_ref()));
    if lead == Side::Source { [leading, following] } else { [following, leading] }
}

async fn close_gone(connection: &mut PgConnection, claim: &Claim, found: Found<'_>, now: DateTime<Utc>) -> Result<()> {
    let rows = sqlx::query(
        "select id, field, source_now, target_now from conflict where pair_id = $1 and winner = 'undecided' and closed_at is null",
    )
    .bind(claim.pair.0)
    .fetch_all(&mut *connection)
    .await?;
    let is_found = |row: &PgRow| {
        let (field, source, target): (String, Json, Json) = (row.get("field"), row.get("source_now"), row.get("target_now"));
        found.conflicts.iter().filter(|conflict| conflict.winner.is_none()).any(|conflict| {
            let [(here, _), (there, _)] = sides(conflict, found.lead);
            conflict.source.to_string() == field && to_store(here) == source && to_store(there) == target
        })
    };
    let gone: Vec<i64> = rows.iter().filter(|row| !is_found(row)).map(|row| row.get("id")).collect();
    sqlx::query("update conflict set closed_at = $2 where id = any($1)").bind(gone).bind(now).execute(connection).await?;
    Ok(())
}

/// Returns whether it is new.
async fn insert(
    connection: &mut PgConnection,
    claim: &Claim,
    (conflict, lead): (&FieldConflict, Side),
    now: DateTime<Utc>,
) -> Result<bool> {
    let [(source, source_hand), (target, target_hand)] = sides(conflict, lead);
    let done = sqlx::query(
        "insert into conflict (tenant_id, mirror_id, pair_id, field, base_source, base_target, source_now, target_now,
                               winner, found_at, source_hand, target_hand)
         select tenant_id, id, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 from mirror
         where id = $1 and not exists (
             select 1 from conflict
             where pair_id = $2 and field = $3 and source_now = $6 and target_now = $7 and winner = $8
               and (winner <> 'undecided' or closed_at is null))",
    )
    .bind(claim.mirror.0)
    .bind(claim.pair.0)
    .bind(conflict.source.to_string())
    .bind(conflict.base.as_ref().map(|base| to_store(&base.source)))
    .bind(conflict.base.as_ref().map(|base| to_store(&base.target)))
    .bind(to_store(source))
    .bind(to_store(target))
    .bind(conflict.winner.map_or("undecided", Side::as_str))
    .bind(now)
    .bind(source_hand.map(to_store))
    .bind(target_hand.map(to_store))
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Shows an open conflict among what waits for a person. It holds nothing up.
async fn park(
    connection: &mut PgConnection,
    claim: &Claim,
    (open, found): (&[&FieldConflict], Found<'_>),
    now: DateTime<Utc>,
) -> Result<()> {
    not_parked(connection, &[claim.pair.0], now).await?;
    let fields: Vec<String> = open.iter().map(|conflict| format!("`{}`", conflict.source)).collect();
    let guarded = |conflict: &&FieldConflict| {
        conflict.base.as_ref().is_some_and(|base| base.apart.is_none() && *base.of(found.lead.other()) == conflict.follow)
    };
    let why = if open.iter().all(guarded) {
        "people are at work on the target ticket"
    } else if open.iter().all(|conflict| conflict.base.is_none()) {
        "the desks differ, and nothing was ever agreed on about it"
    } else {
        "both desks changed it"
    };
    sqlx::query(
        "insert into parked (tenant_id, mirror_id, pair_id, kind, reason, advice, blocking, parked_at)
         select p.tenant_id, p.mirror_id, p.id, 'conflict',
                format('%s of source ticket %s waits for a decision: %s', $2::text, p.source_ticket, $3::text),
                format('Look at it with `tidegate conflicts list %1$s` and decide with `tidegate conflicts resolve %1$s ID --keep …`. '
                       'The rest of the ticket goes on.', m.name),
                false, $4
         from pair p join mirror m on m.id = p.mirror_id where p.id = $1",
    )
    .bind(claim.pair.0)
    .bind(fields.join(", "))
    .bind(why)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes pairs without an open conflict from what waits for a person.
pub(super) async fn not_parked(connection: &mut PgConnection, pairs: &[i64], now: DateTime<Utc>) -> Result<()> {
    sqlx::query(
        "update parked set decided_at = $2, decision = 'resolved'
         where pair_id = any($1) and kind = 'conflict' and not blocking and decided_at is null",
    )
    .bind(pairs)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

fn read(row: &PgRow) -> Result<Conflict> {
    let value = |column: &str| row.get::<Option<Json>, _>(column).map(|json| stored("a conflict", json)).transpose();
    let hand = |column: &str| row.get::<Option<Json>, _>(column).map(|json| stored("a conflict", json)).transpose();
    Ok(Conflict {
        id: row.get("id"),
        source_ticket: row.get("source_ticket"),
        target_ticket: row.get("target_ticket"),
        field: row.get("field"),
        base_source: value("base_source")?,
        base_target: value("base_target")?,
        source: stored("a conflict", row.get("source_now"))?,
        target: stored("a conflict", row.get("target_now"))?,
        source_hand: hand("source_hand")?,
        target_hand: hand("target_hand")?,
        winner: row.get("winner"),
        decided_value: value("decided_value")?,
        decided_by: row.get("decided_by"),
        decided_at: row.get("decided_at"),
        found_at: row.get("found_at"),
        closed_at: row.get("closed_at"),
    })
}
