//! Which pairs a check has to judge, by the verdicts that stand and those that do not.

use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::mirror::{MirrorId, PairId};

use super::verdict::{Measure, asked, measured, pairs, stands};
use super::{Ledger, Result};

/// Pairs to be judged, a page of them.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    pub after: PairId,
    pub most: i64,
    /// Judged in this run already: not again.
    pub run: i64,
    /// Also those whose verdict stands.
    pub all: bool,
}

impl Ledger {
    /// A page of the pairs that a run has to judge: those without a verdict that stands, those that were not equal in an earlier
    /// run, and with `all` every one.
    pub async fn due(&self, measure: &Measure<'_>, due: Due) -> Result<Vec<PairId>> {
        let sql = concat!(
            "select p.id ",
            pairs!(),
            " where p.id > $6 and ",
            asked!(),
            " and (not ",
            stands!(),
            " or v.run_id is distinct from $7 and ($8 or v.answer in ('moving', 'different', 'unread')))
             order by p.id limit $9"
        );
        let query = measured!(sql, measure).bind(due.after.0).bind(due.run).bind(due.all).bind(due.most);
        Ok(ids(&query.fetch_all(&self.pool).await?))
    }

    /// How many there are of them.
    pub async fn count_due(&self, measure: &Measure<'_>, run: i64, all: bool) -> Result<u64> {
        let sql = concat!(
            "select count(*) as n ",
            pairs!(),
            " where ",
            asked!(),
            " and (not ",
            stands!(),
            " or v.run_id is distinct from $6 and ($7 or v.answer in ('moving', 'different', 'unread')))"
        );
        let row = measured!(sql, measure).bind(run).bind(all).fetch_one(&self.pool).await?;
        Ok(row.get::<i64, _>("n").unsigned_abs())
    }

    /// A page of the pairs that wait for a look although they were judged: they moved, could not be read, or changed since.
    pub async fn due_again(&self, measure: &Measure<'_>, after: PairId, most: i64) -> Result<Vec<PairId>> {
        let sql = concat!(
            "select p.id ",
            pairs!(),
            " where p.id > $6 and ",
            asked!(),
            " and (not ",
            stands!(),
            " or v.answer in ('moving', 'unread')) order by p.id limit $7"
        );
        Ok(ids(&measured!(sql, measure).bind(after.0).bind(most).fetch_all(&self.pool).await?))
    }

    /// Pairs spread evenly over all, about `most`, and not those that `run` judged already.
    pub async fn spread(&self, measure: &Measure<'_>, most: i64, run: i64) -> Result<Vec<PairId>> {
        let sql = concat!(
            "select id from (
                 select p.id, v.run_id, row_number() over (order by p.id) - 1 as place, count(*) over () as n ",
            pairs!(),
            " where ",
            asked!(),
            " and $3::text is not null and $4::boolean is not null) as numbered
             where place % greatest((n + $6 - 1) / $6, 1) = 0 and run_id is distinct from $7
             order by id"
        );
        Ok(ids(&measured!(sql, measure).bind(most.max(1)).bind(run).fetch_all(&self.pool).await?))
    }

    /// Pairs of which the source's own list shows another state than the verdict was given on, although no event told of it:
    /// tickets with the feed stamps that the list shows.
    pub async fn seen_otherwise(&self, mirror: MirrorId, listed: &[(&str, &str)], run: i64) -> Result<Vec<PairId>> {
        let (tickets, stamps): (Vec<&str>, Vec<&str>) = listed.iter().copied().unzip();
        let rows = sqlx::query(
            "select p.id from unnest($2::text[], $3::text[]) as t(ticket, stamp)
             join pair p on p.mirror_id = $1 and p.source_ticket = t.ticket
             join verdict v on v.pair_id = p.id
             where v.source_feed_stamp <> t.stamp and v.run_id is distinct from $4 and p.state <> 'outside'
             order by p.id",
        )
        .bind(mirror.0)
        .bind(tickets)
        .bind(stamps)
        .bind(run)
        .fetch_all(&self.pool)
        .await?;
        Ok(ids(&rows))
    }
}

fn ids(rows: &[PgRow]) -> Vec<PairId> {
    rows.iter().map(|row| PairId(row.get("id"))).collect()
}
