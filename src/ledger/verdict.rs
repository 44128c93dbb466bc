//! Verdicts: what a check last said of each pair. Whether one still stands is derived from its lane at each question, never kept.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::desk::id::TicketId;
use crate::mirror::{MirrorId, PairId};

use super::accepted::{accepted, digest};
use super::check_run::{CheckRun, Place, keep_place};
use super::{Ledger, Result, to_store};

/// One of the four answers, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Equal,
    Explained,
    Moving,
    Different,
    /// A desk did not let us read it.
    Unread,
}

impl Answer {
    /// The word stored in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Answer::Equal => "equal",
            Answer::Explained => "explained",
            Answer::Moving => "moving",
            Answer::Different => "different",
            Answer::Unread => "unread",
        }
    }
}

/// Which pairs are asked about, and what a verdict on them has to be to stand.
#[derive(Debug, Clone, Copy)]
pub struct Measure<'a> {
    pub mirror: MirrorId,
    /// Only pairs of these windows.
    pub windows: Option<&'a [i64]>,
    /// Digest of what is judged by: a verdict by other rules does not stand.
    pub rules: &'a str,
    /// A verdict has to have compared the bytes of files.
    pub bytes: bool,
    /// Only pairs that were judged in this run.
    pub run: Option<i64>,
}

/// The state of both tickets that a verdict is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    /// The lane's `pending`, the same before and after both reads.
    pub seq: i64,
    pub source_stamp: Option<String>,
    pub source_feed_stamp: Option<String>,
    pub target_stamp: Option<String>,
}

/// What was found about a pair, for the sums.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Found {
    /// How many differences of each kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kinds: BTreeMap<String, u64>,
    /// How often each explanation was needed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub explained: BTreeMap<String, u64>,
    /// Fields that the target does not have, by tickets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub not_compared: BTreeMap<String, u64>,
    /// With their values; each names its kind as `kind`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Json>,
}

/// A verdict to be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct NewVerdict {
    pub pair: PairId,
    pub answer: Answer,
    /// Why it moves or could not be read.
    pub why: Option<String>,
    pub seen: Seen,
    pub found: Found,
    pub messages: u64,
    pub attachments: u64,
    pub bytes: u64,
    /// Questions that it took.
    pub calls: u64,
}

/// By what verdicts are given.
#[derive(Debug, Clone, Copy)]
pub struct Bar<'a> {
    pub mirror: MirrorId,
    pub rules: &'a str,
    pub mapping_version: &'a str,
    pub bytes: bool,
}

/// How the pairs of a mirror or window stand, as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Standing {
    pub equal: u64,
    pub explained: u64,
    pub moving: u64,
    pub different: u64,
    /// They differ in nothing but what somebody accepted; not among the different ones.
    pub accepted: u64,
    pub unread: u64,
    /// A newer event exists, or the verdict was given by other rules: it says nothing any more.
    pub stale: u64,
    /// Never judged.
    pub never: u64,
    /// Messages, files and bytes that the verdicts which stand compared.
    pub messages: u64,
    pub attachments: u64,
    pub bytes: u64,
}

/// A sum over verdicts that stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    Kinds,
    Explained,
    NotCompared,
}

/// Pair `p` with its verdict `v` and lane `l`.
macro_rules! pairs {
    () => {
        " from pair p left join verdict v on v.pair_id = p.id left join lane l on l.pair_id = p.id "
    };
}

/// The pairs that a measure is about: probes of ours are nobody's tickets.
macro_rules! asked {
    () => {
        " p.mirror_id = $1 and ($2::bigint[] is null or p.window_id = any($2)) and p.state <> 'outside' and p.source_ticket is not null
          and not exists (select from probe b where b.mirror_id = p.mirror_id
              and b.ticket = case b.side when 'source' then p.source_ticket else p.target_ticket end)
          and ($5::bigint is null or v.run_id = $5) "
    };
}

/// The verdict stands: given by these rules, and nothing came since, or what came showed both tickets as they were.
macro_rules! stands {
    () => {
        " coalesce(v.rules = $3 and (v.with_bytes or not $4)
            and (v.seq >= l.pending
                 or (l.pending = l.applied and l.look_again_at is null and p.source_stamp = v.source_stamp
                     and p.target_stamp is not distinct from v.target_stamp)), false) "
    };
}

/// Binds the five parameters of a measure.
macro_rules! measured {
    ($sql:expr, $measure:expr) => {
        sqlx::query($sql)
            .bind($measure.mirror.0)
            .bind($measure.windows)
            .bind($measure.rules)
            .bind($measure.bytes)
            .bind($measure.run)
    };
}

pub(super) use asked;
pub(super) use measured;
pub(super) use pairs;
pub(super) use stands;

impl Ledger {
    /// Keeps verdicts and, of a run, how far it is, in one commit. A pair that is gone meanwhile is left out. Errors: `Overtaken`.
    pub async fn keep_verdicts(
        &self,
        bar: &Bar<'_>,
        run: Option<(&CheckRun, &Place)>,
        verdicts: &[NewVerdict],
        now: DateTime<Utc>,
    ) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        if let Some((run, place)) = run {
            keep_place(&mut transaction, run, place, now).await?;
        }
        insert(&mut transaction, bar, run.map(|(run, _)| run.id), verdicts, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// How the pairs stand.
    pub async fn standing(&self, measure: &Measure<'_>) -> Result<Standing> {
        let sql = concat!(
            "select count(*) filter (where pair_id is null) as never,
                    count(*) filter (where pair_id is not null and not stands) as stale,
                    count(*) filter (where stands and answer = 'equal') as equal,
                    count(*) filter (where stands and answer = 'explained') as explained,
                    count(*) filter (where stands and answer = 'moving') as moving,
                    count(*) filter (where stands and answer = 'different' and not accepted) as different,
                    count(*) filter (where stands and accepted) as accepted,
                    count(*) filter (where stands and answer = 'unread') as unread,
                    coalesce(sum(messages) filter (where stands), 0)::bigint as messages,
                    coalesce(sum(attachments) filter (where stands), 0)::bigint as attachments,
                    coalesce(sum(bytes) filter (where stands), 0)::bigint as bytes
             from (select v.*, ",
            stands!(),
            " as stands, ",
            accepted!(),
            " as accepted ",
            pairs!(),
            " where ",
            asked!(),
            ") as judged"
        );
        let row = measured!(sql, measure).fetch_one(&self.pool).await?;
        let count = |name: &str| row.get::<i64, _>(name).unsigned_abs();
        Ok(Standing {
            equal: count("equal"),
            explained: count("explained"),
            moving: count("moving"),
            different: count("different"),
            accepted: count("accepted"),
            unread: count("unread"),
            stale: count("stale"),
            never: count("never"),
            messages: count("messages"),
            attachments: count("attachments"),
            bytes: count("bytes"),
        })
    }

    /// One of the sums over verdicts that stand and are final. Kinds are those of tickets that nobody accepted.
    pub async fn sum(&self, measure: &Measure<'_>, sum: Sum) -> Result<BTreeMap<String, u64>> {
        let sql = concat!(
            "select e.key, sum(e.value::bigint)::bigint as n ",
            pairs!(),
            " cross join lateral jsonb_each_text(v.found -> $6) e
             where v.answer in ('equal', 'explained', 'different') and ",
            asked!(),
            " and ",
            stands!(),
            " and ($6 <> 'kinds' or not ",
            accepted!(),
            ") group by e.key"
        );
        let part = match sum {
            Sum::Kinds => "kinds",
            Sum::Explained => "explained",
            Sum::NotCompared => "not_compared",
        };
        let rows = measured!(sql, measure).bind(part).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(|row| (row.get("key"), row.get::<i64, _>("n").unsigned_abs())).collect())
    }

    /// Differences of verdicts that stand, in the order of `kinds`, of these kinds alone, without tickets that somebody accepted.
    pub async fn differences(&self, measure: &Measure<'_>, kinds: &[&str], most: i64) -> Result<Vec<Json>> {
        let sql = concat!(
            "select d.value ",
            pairs!(),
            " cross join lateral jsonb_array_elements(v.found -> 'differences') d
             where v.answer = 'different' and d.value ->> 'kind' = any($6::text[]) and ",
            asked!(),
            " and ",
            stands!(),
            " and not ",
            accepted!(),
            " order by array_position($6::text[], d.value ->> 'kind'), length(p.source_ticket), p.source_ticket limit $7"
        );
        let rows = measured!(sql, measure).bind(kinds).bind(most).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(|row| row.get("value")).collect())
    }

    /// Pairs that differ and were not accepted, as long as their verdicts stand, with their lane's `pending` and what was found: a page after this pair.
    pub async fn different_after(
        &self,
        measure: &Measure<'_>,
        after: PairId,
        most: i64,
    ) -> Result<Vec<(PairId, i64, Vec<Json>)>> {
        let sql = concat!(
            "select p.id, coalesce(l.pending, 0) as pending, v.found -> 'differences' as differences ",
            pairs!(),
            " where v.answer = 'different' and p.id > $6 and ",
            asked!(),
            " and ",
            stands!(),
            " and not ",
            accepted!(),
            " order by p.id limit $7"
        );
        let rows = measured!(sql, measure).bind(after.0).bind(most).fetch_all(&self.pool).await?;
        let read = |row: &PgRow| {
            let differences = row.get::<Option<Json>, _>("differences");
            let differences = differences.and_then(|json| json.as_array().cloned()).unwrap_or_default();
            (PairId(row.get("id")), row.get("pending"), differences)
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Tickets that moved or could not be read, by their numbers in the source and in the target, and why.
    pub async fn unjudged(
        &self,
        measure: &Measure<'_>,
        answer: Answer,
        most: i64,
    ) -> Result<Vec<([Option<TicketId>; 2], String)>> {
        let sql = concat!(
            "select p.source_ticket, p.target_ticket, coalesce(v.why, '') as why ",
            pairs!(),
            " where v.answer = $6 and ",
            asked!(),
            " and ",
            stands!(),
            " order by p.id limit $7"
        );
        let rows = measured!(sql, measure).bind(answer.as_str()).bind(most).fetch_all(&self.pool).await?;
        let ticket = |row: &PgRow, column: &str| row.get::<Option<String>, _>(column).map(TicketId::new);
        let read = |row: &PgRow| ([ticket(row, "source_ticket"), ticket(row, "target_ticket")], row.get("why"));
        Ok(rows.iter().map(read).collect())
    }
}

async fn insert(
    connection: &mut PgConnection,
    bar: &Bar<'_>,
    run: Option<i64>,
    verdicts: &[NewVerdict],
    now: DateTime<Utc>,
) -> Result<()> {
    let number = |pick: fn(&NewVerdict) -> u64| -> Vec<i64> {
        verdicts.iter().map(|one| i64::try_from(pick(one)).unwrap_or(i64::MAX)).collect()
    };
    let text = |pick: fn(&NewVerdict) -> Option<&str>| verdicts.iter().map(pick).collect::<Vec<_>>();
    let found = |one: &NewVerdict| (one.found != Found::default()).then(|| to_store(&one.found));
    sqlx::query(
        "insert into verdict as v (pair_id, mirror_id, run_id, rules, mapping_version, with_bytes, judged_at, answer, why, seq,
                                   source_stamp, source_feed_stamp, target_stamp, found, messages, attachments, bytes, calls)
         select p.id, $1, $2, $3, $4, $5, $6, t.answer, t.why, t.seq, t.source_stamp, t.source_feed_stamp, t.target_stamp, t.found,
                t.messages, t.attachments, t.bytes, t.calls
         from unnest($7::bigint[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[], $13::text[], $14::jsonb[],
                     $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[])
             as t(pair_id, answer, why, seq, source_stamp, source_feed_stamp, target_stamp, found, messages, attachments, bytes,
                  calls)
         join pair p on p.id = t.pair_id
         on conflict (pair_id) do update
         set run_id = coalesce(excluded.run_id, v.run_id), rules = excluded.rules, mapping_version = excluded.mapping_version,
             with_bytes = excluded.with_bytes, judged_at = excluded.judged_at, answer = excluded.answer, why = excluded.why,
             seq = excluded.seq, source_stamp = excluded.source_stamp, source_feed_stamp = excluded.source_feed_stamp,
             target_stamp = excluded.target_stamp, found = excluded.found, messages = excluded.messages,
             attachments = excluded.attachments, bytes = excluded.bytes, calls = excluded.calls",
    )
    .bind(bar.mirror.0)
    .bind(run)
    .bind(bar.rules)
    .bind(bar.mapping_version)
    .bind(bar.bytes)
    .bind(now)
    .bind(verdicts.iter().map(|one| one.pair.0).collect::<Vec<_>>())
    .bind(text(|one| Some(one.answer.as_str())))
    .bind(text(|one| one.why.as_deref()))
    .bind(verdicts.iter().map(|one| one.seen.seq).collect::<Vec<_>>())
    .bind(text(|one| one.seen.source_stamp.as_deref()))
    .bind(text(|one| one.seen.source_feed_stamp.as_deref()))
    .bind(text(|one| one.seen.target_stamp.as_deref()))
    .bind(verdicts.iter().map(found).collect::<Vec<Option<Json>>>())
    .bind(number(|one| one.messages))
    .bind(number(|one| one.attachments))
    .bind(number(|one| one.bytes))
    .bind(number(|one| one.calls))
    .execute(connection)
    .await?;
    Ok(())
}
