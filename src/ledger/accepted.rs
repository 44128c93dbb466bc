//! Differences that somebody accepted: who, when and why. An acceptance is of exactly what differed then, known by its digest; a ticket
//! that differs in another way is no longer accepted.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::mirror::MirrorId;

use super::verdict::{Measure, asked, measured, pairs, stands};
use super::{Ledger, Result};

/// Which differences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Of this kind, by the word in the ledger.
    Kind(String),
    /// Of the ticket of this number, in either desk.
    Ticket(String),
}

/// Who accepts, why and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub who: String,
    pub reason: String,
    pub at: DateTime<Utc>,
}

/// Differences of one kind that somebody accepted at once and that stand as they were then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub kind: String,
    pub tickets: u64,
    pub differences: u64,
    pub word: Word,
}

/// The digest by which a difference is known, as JSON; what can be done about it is no part of it.
macro_rules! digest {
    ($json:literal) => {
        concat!(" encode(sha256(convert_to((", $json, " - 'remedy')::text, 'UTF8')), 'hex') ")
    };
}

/// All that differs about pair `p` by its verdict `v` is accepted. A verdict that does not keep all its differences never is.
macro_rules! accepted {
    () => {
        concat!(
            " coalesce(v.answer = 'different'
               and (select sum(k.value::bigint) from jsonb_each_text(v.found -> 'kinds') k) = jsonb_array_length(v.found -> 'differences')
               and not exists (
                   select from jsonb_array_elements(v.found -> 'differences') d
                   where not exists (
                       select from accepted_difference a
                       where a.mirror_id = p.mirror_id and a.side = 'source' and a.ticket = p.source_ticket and a.digest = ",
            digest!("d.value"),
            ")), false) "
        )
    };
}

/// What differs about stray `s` is accepted.
macro_rules! stray_accepted {
    () => {
        concat!(
            " exists (select from accepted_difference a
                      where a.mirror_id = s.mirror_id and a.side = s.side and a.ticket = s.ticket and a.digest = ",
            digest!("s.found"),
            ") "
        )
    };
}

pub(super) use accepted;
pub(super) use digest;
pub(super) use stray_accepted;

/// Every difference by a verdict that stands, and every stray, as `side`, `ticket`, `digest` and `kind`; of `$6` (a kind) or `$7` (a number)
/// alone where those are given.
macro_rules! differing {
    () => {
        concat!(
            " select 'source' as side, p.source_ticket as ticket, d.value ->> 'kind' as kind, ",
            digest!("d.value"),
            " as digest ",
            pairs!(),
            " cross join lateral jsonb_array_elements(v.found -> 'differences') d
              where v.answer = 'different' and ",
            asked!(),
            " and ",
            stands!(),
            " and ($6::text is null or d.value ->> 'kind' = $6) and ($7::text is null or $7 in (p.source_ticket, p.target_ticket))
              union
              select s.side, s.ticket, s.found ->> 'kind', ",
            digest!("s.found"),
            " from stray s
              where s.mirror_id = $1 and $2::bigint[] is null and s.answer = 'different' and s.found is not null
                and ($6::text is null or s.found ->> 'kind' = $6) and ($7::text is null or s.ticket = $7)
                and not (s.side = 'source' and exists
                    (select from pair o where o.mirror_id = $1 and o.source_ticket = s.ticket)) "
        )
    };
}

impl Ledger {
    /// Accepts differences as they were found last. Returns how many, and of how many tickets; what was accepted before is accepted anew.
    pub async fn accept_differences(&self, measure: &Measure<'_>, which: &Which, word: &Word) -> Result<[u64; 2]> {
        let sql = concat!(
            "with taken as (
                 insert into accepted_difference (mirror_id, side, ticket, digest, kind, who, reason, at)
                 select $1, f.side, f.ticket, f.digest, min(f.kind), $8, $9, $10 from (",
            differing!(),
            ") f
                 group by f.side, f.ticket, f.digest
                 on conflict (mirror_id, side, ticket, digest) do update
                 set who = excluded.who, reason = excluded.reason, at = excluded.at
                 returning side, ticket
             ) select count(*) as differences, count(distinct (side, ticket)) as tickets from taken"
        );
        let [kind, ticket] = parts(which);
        let query = measured!(sql, measure).bind(kind).bind(ticket).bind(&word.who).bind(&word.reason).bind(word.at);
        let row = query.fetch_one(&self.pool).await?;
        Ok(["differences", "tickets"].map(|count| row.get::<i64, _>(count).unsigned_abs()))
    }

    /// Takes acceptances back. Returns how many differences are not accepted any more.
    pub async fn unaccept_differences(&self, mirror: MirrorId, which: &Which) -> Result<u64> {
        let [kind, ticket] = parts(which);
        let done = sqlx::query(
            "delete from accepted_difference a
             where a.mirror_id = $1 and ($2::text is null or a.kind = $2)
               and ($3::text is null or a.ticket = $3 or a.side = 'source' and a.ticket in
                   (select p.source_ticket from pair p where p.mirror_id = $1 and p.target_ticket = $3))",
        )
        .bind(mirror.0)
        .bind(kind)
        .bind(ticket)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// What is accepted and stands as it was then, the oldest first.
    pub async fn accepted_differences(&self, measure: &Measure<'_>) -> Result<Vec<Accepted>> {
        let sql = concat!(
            "select a.kind, a.who, a.reason, a.at, count(*) as differences, count(distinct (a.side, a.ticket)) as tickets
             from (",
            differing!(),
            ") f join accepted_difference a
                 on a.mirror_id = $1 and a.side = f.side and a.ticket = f.ticket and a.digest = f.digest
             group by a.kind, a.who, a.reason, a.at
             order by a.at, a.kind"
        );
        let rows = measured!(sql, measure).bind(None::<&str>).bind(None::<&str>).fetch_all(&self.pool).await?;
        let count = |row: &PgRow, name: &str| row.get::<i64, _>(name).unsigned_abs();
        let read = |row: &PgRow| Accepted {
            kind: row.get("kind"),
            tickets: count(row, "tickets"),
            differences: count(row, "differences"),
            word: Word { who: row.get("who"), reason: row.get("reason"), at: row.get("at") },
        };
        Ok(rows.iter().map(read).collect())
    }
}

fn parts(which: &Which) -> [Option<&str>; 2] {
    match which {
        Which::Kind(kind) => [Some(kind), None],
        Which::Ticket(number) => [None, Some(number)],
    }
}
