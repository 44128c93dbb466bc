//! Retention: raw payloads have an age limit; after the retirement of a mirror everything but the numbers of its tickets is destroyed,
//! in batches that may be interrupted.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::mirror::MirrorId;

use super::extension::{Extension, Term};
use super::{Ledger, Result, stored, to_store};

/// The figure that counts deliveries whose payload became too old.
pub const TOO_OLD: &str = "payloads destroyed by age";

/// The end of what was known of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Purge {
    /// Why, in words.
    pub rule: String,
    /// `None`: the rule itself.
    pub ordered_by: Option<String>,
    pub ordered_at: DateTime<Utc>,
    /// Rows by what they held.
    pub destroyed: BTreeMap<String, i64>,
    pub done_at: Option<DateTime<Utc>>,
}

/// How long what is known of a mirror stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Keeping {
    pub retired_at: Option<DateTime<Utc>>,
    /// Days that were added to those after the retirement, the oldest first.
    pub extensions: Vec<Extension>,
    pub purge: Option<Purge>,
}

impl Keeping {
    /// When everything but the numbers is destroyed, if it is kept `after_retirement` without an extension. `None`: the mirror is
    /// not retired.
    pub fn until(&self, after_retirement: Duration) -> Option<DateTime<Utc>> {
        let more: i64 = self.extensions.iter().map(|one| i64::from(one.days)).sum();
        Some(self.retired_at? + after_retirement + Duration::days(more))
    }
}

/// What goes, in words, and the statement for it. `$1`: the mirror; `$2`: so many rows at most.
pub type Destroy = (&'static str, &'static str);

macro_rules! rows_of {
    ($table:literal) => {
        concat!(
            "delete from ",
            $table,
            " where ctid = any(array(select ctid from ",
            $table,
            " where mirror_id = $1 limit $2 for update))"
        )
    };
}

/// Everything that goes, in this order: rows that others refer to go after them. A table of a mirror that is not in it stays.
pub const EVERYTHING: [Destroy; 31] = [
    (
        "payloads of deliveries",
        "update delivery set body = '', headers = '[]', unreadable_why = null where id in (
             select id from delivery where mirror_id = $1 and (body <> '' or unreadable_why is not null) limit $2 for update)",
    ),
    ("change events", rows_of!("change_event")),
    (
        "bases of tickets",
        "update pair set base = null, source_stamp = null, source_feed_stamp = null, target_stamp = null, target_feed_stamp = null,
             source_shown = null, target_shown = null, seen_acts = '{}', incomplete_why = null
         where id in (select id from pair where mirror_id = $1 and (num_nonnulls(base, source_stamp, source_feed_stamp, target_stamp,
             target_feed_stamp, source_shown, target_shown, incomplete_why) > 0 or seen_acts <> '{}') limit $2 for update)",
    ),
    (
        "bases of closed tickets",
        "update pair_former f set base = null where ctid = any(array(
             select f.ctid from pair_former f join pair p on p.id = f.pair_id
             where p.mirror_id = $1 and f.base is not null limit $2 for update of f))",
    ),
    ("writes", rows_of!("intent")),
    ("rulings", rows_of!("ruling")),
    ("conflicts", rows_of!("conflict")),
    ("parked tickets", rows_of!("parked")),
    ("links between messages", rows_of!("message_link")),
    ("links between people", rows_of!("person_link")),
    ("links that wait", rows_of!("link_wait")),
    (
        "rewrites that wait",
        "delete from reapply where ctid = any(array(
             select r.ctid from reapply r join pair p on p.id = r.pair_id where p.mirror_id = $1 limit $2 for update of r))",
    ),
    ("verdicts", rows_of!("verdict")),
    (
        "marks of switches",
        "delete from switch_mark where ctid = any(array(
             select k.ctid from switch_mark k join pair p on p.id = k.pair_id where p.mirror_id = $1 limit $2 for update of k))",
    ),
    (
        "tickets of runs",
        "delete from run_ticket where ctid = any(array(
             select t.ctid from run_ticket t join run r on r.id = t.run_id where r.mirror_id = $1 limit $2 for update of t))",
    ),
    ("moves between windows", rows_of!("window_move")),
    ("tickets that proved the way back", rows_of!("probe")),
    ("lost tickets found by checks", rows_of!("stray")),
    ("checks", rows_of!("check_run")),
    ("tombstones", rows_of!("tombstone")),
    ("tickets of samples", rows_of!("sample")),
    ("deletions counted", rows_of!("destruction")),
    ("leaks", rows_of!("leak")),
    ("looks for leaks", rows_of!("leak_look")),
    ("refusals of deliveries", rows_of!("refusal")),
    ("webhooks", rows_of!("witness")),
    ("desks out of sight", rows_of!("blind")),
    ("places in feeds", rows_of!("watermark")),
    ("lanes", rows_of!("lane")),
    (
        "checks of the mirror file",
        "delete from proof where ctid = any(array(
             select f.ctid from proof f join mirror m on m.tenant_id = f.tenant_id and m.name = f.mirror where m.id = $1 limit $2))",
    ),
    (
        "people in the mirror file",
        "update mirror set agreed_mapping = null, config = jsonb_set(config, '{mapping,people}', '{}')
         where id = $1 and $2 > 0 and (agreed_mapping is not null or config #> '{mapping,people}' <> '{}')",
    ),
];

impl Ledger {
    /// How long what is known of the mirror stays.
    pub async fn keeping(&self, mirror: MirrorId) -> Result<Keeping> {
        let row = sqlx::query(
            "select m.retired_at, p.rule, p.ordered_by, p.ordered_at, p.destroyed, p.done_at
             from mirror m left join purge p on p.mirror_id = m.id where m.id = $1",
        )
        .bind(mirror.0)
        .fetch_one(&self.pool)
        .await?;
        let extensions = self.extensions(mirror).await?.into_iter().filter(|one| one.term == Term::Keeping);
        Ok(Keeping { retired_at: row.get("retired_at"), extensions: extensions.collect(), purge: purge(&row)? })
    }

    /// Destroys bodies and headers of deliveries received before `before`: at most `most`, the oldest first. Returns how many.
    pub async fn destroy_payloads(&self, mirror: MirrorId, before: DateTime<Utc>, most: i64) -> Result<i64> {
        let destroyed = sqlx::query_scalar(
            "with old as (
                 select id from delivery
                 where mirror_id = $1 and received_at < $2 and body <> ''
                 order by received_at
                 limit $3
                 for update skip locked
             ), gone as (
                 update delivery set body = '', headers = '[]' from old where delivery.id = old.id returning delivery.id
             ), counted as (
                 insert into figure (mirror_id, name, value) select $1, $4, count(*) from gone having count(*) > 0
                 on conflict (mirror_id, name) do update set value = figure.value + excluded.value
             )
             select count(*) from gone",
        )
        .bind(mirror.0)
        .bind(before)
        .bind(most)
        .bind(TOO_OLD)
        .fetch_one(&self.pool)
        .await?;
        Ok(destroyed)
    }

    /// From now on nothing is carried for the mirror, and [`Ledger::destroy`] may destroy what is known of it. Ordering it twice
    /// changes nothing.
    pub async fn order_purge(&self, mirror: MirrorId, rule: &str, by: Option<&str>, now: DateTime<Utc>) -> Result<()> {
        sqlx::query("insert into purge (mirror_id, rule, ordered_by, ordered_at) values ($1, $2, $3, $4) on conflict do nothing")
            .bind(mirror.0)
            .bind(rule)
            .bind(by)
            .bind(now)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Destroys at most `most` rows of a mirror for which it was ordered, and counts them in the same commit. Returns whether nothing
    /// is left; then the record is closed. A gateway that had not heard of it yet may leave something behind: call it again later.
    pub async fn destroy(&self, mirror: MirrorId, most: i64, now: DateTime<Utc>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let held =
            sqlx::query("select rule, ordered_by, ordered_at, destroyed, done_at from purge where mirror_id = $1 for update")
                .bind(mirror.0)
                .fetch_optional(&mut *transaction)
                .await?;
        let Some(mut record) = held.as_ref().map(purge).transpose()?.flatten() else { return Ok(true) };
        let mut left = most;
        for (what, sql) in EVERYTHING {
            if left <= 0 {
                break;
            }
            let gone = sqlx::query(sql).bind(mirror.0).bind(left).execute(&mut *transaction).await?.rows_affected();
            if gone > 0 {
                let gone = i64::try_from(gone).unwrap_or(i64::MAX);
                *record.destroyed.entry(what.to_string()).or_default() += gone;
                left -= gone;
            }
        }
        let done = left == most;
        sqlx::query(
            "update purge set destroyed = $2, done_at = case when $3 then coalesce(done_at, $4) end where mirror_id = $1",
        )
        .bind(mirror.0)
        .bind(to_store(&record.destroyed))
        .bind(done)
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(done)
    }
}

fn purge(row: &PgRow) -> Result<Option<Purge>> {
    let Some(rule) = row.get::<Option<String>, _>("rule") else { return Ok(None) };
    Ok(Some(Purge {
        rule,
        ordered_by: row.get("ordered_by"),
        ordered_at: row.get("ordered_at"),
        destroyed: stored("what was destroyed", row.get("destroyed"))?,
        done_at: row.get("done_at"),
    }))
}
