//! What a statement about a mirror is made of: counts, decisions, digests, when both desks were compared, and the key that signs it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::mirror::{MirrorId, PairId};

use super::{Ledger, Result};

/// Which tickets: all of a mirror, or those of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub mirror: MirrorId,
    pub window: Option<i64>,
}

/// How much there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Tickets by [`super::pair::Pair::state`].
    pub tickets: BTreeMap<String, i64>,
    /// Tickets that have a target ticket.
    pub copied: i64,
    pub messages: i64,
    pub people: i64,
    /// Conflicts and parked tickets that nobody decided yet.
    pub undecided: i64,
}

/// So many fields that both desks changed were decided so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// `source`, `target`, `value`.
    pub winner: String,
    /// `None`: the mirror file's policy.
    pub who: Option<String>,
    pub count: i64,
}

/// What is known of a pair, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub pair: PairId,
    /// State, stamps of both desks, and the SHA-256 of its messages' ids and digests; parts are separated by tabs.
    pub line: String,
}

impl Ledger {
    /// Counts everything.
    pub async fn counts(&self, extent: Extent) -> Result<Counts> {
        let row = sqlx::query(
            "with here as (select * from pair where mirror_id = $1 and ($2::bigint is null or window_id = $2))
             select (select coalesce(jsonb_object_agg(state, n), '{}') from (select state, count(*) as n from here group by state) s)
                        as tickets,
                    (select count(*) from here where target_ticket is not null) as copied,
                    (select count(*) from message_link l join here h on h.id = l.pair_id) as messages,
                    (select count(*) from person_link where mirror_id = $1 and $2::bigint is null) as people,
                    (select count(*) from parked k join here h on h.id = k.pair_id where k.decided_at is null)
                    + (select count(*) from conflict c join here h on h.id = c.pair_id
                        where c.winner = 'undecided' and c.closed_at is null) as undecided",
        )
        .bind(extent.mirror.0)
        .bind(extent.window)
        .fetch_one(&self.pool)
        .await?;
        Ok(Counts {
            tickets: super::stored("the states of tickets", row.get("tickets"))?,
            copied: row.get("copied"),
            messages: row.get("messages"),
            people: row.get("people"),
            undecided: row.get("undecided"),
        })
    }

    /// Who decided how many fields that both desks had changed.
    pub async fn decided(&self, extent: Extent) -> Result<Vec<Decided>> {
        let rows = sqlx::query(
            "select c.winner, c.decided_by, count(*) as n
             from conflict c join pair p on p.id = c.pair_id
             where c.mirror_id = $1 and ($2::bigint is null or p.window_id = $2) and c.winner <> 'undecided'
             group by c.winner, c.decided_by
             order by c.decided_by nulls first, c.winner",
        )
        .bind(extent.mirror.0)
        .bind(extent.window)
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &PgRow| Decided { winner: row.get("winner"), who: row.get("decided_by"), count: row.get("n") };
        Ok(rows.iter().map(read).collect())
    }

    /// At most `most` marks of pairs after the given one, in the order of [`Ledger::numbers`].
    pub async fn marks(&self, extent: Extent, after: PairId, most: i64) -> Result<Vec<Mark>> {
        let rows = sqlx::query(
            "select p.id,
                    concat_ws(E'\\t', coalesce(p.source_ticket, ''), coalesce(p.target_ticket, ''), p.state, coalesce(p.source_stamp, ''),
                        coalesce(p.target_stamp, ''),
                        (select encode(sha256(convert_to(coalesce(string_agg(
                                l.origin_side || ' ' || coalesce(l.source_message, '') || ' ' || coalesce(l.target_message, '') || ' ' || l.digest
                                    || ' ' || l.visibility,
                                E'\\n' order by l.origin_side, l.original collate \"C\"), ''), 'UTF8')), 'hex')
                            from message_link l where l.pair_id = p.id)) as line
             from pair p
             where p.mirror_id = $1 and ($2::bigint is null or p.window_id = $2) and p.id > $3
             order by p.id
             limit $4",
        )
        .bind(extent.mirror.0)
        .bind(extent.window)
        .bind(after.0)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(|row| Mark { pair: PairId(row.get("id")), line: row.get("line") }).collect())
    }

    /// When the first and the last of the verdicts that are kept were given. `None`: nothing was compared.
    pub async fn judged(&self, extent: Extent) -> Result<Option<[DateTime<Utc>; 2]>> {
        let row = sqlx::query(
            "select min(v.judged_at) as first, max(v.judged_at) as last
             from verdict v join pair p on p.id = v.pair_id
             where v.mirror_id = $1 and ($2::bigint is null or p.window_id = $2)",
        )
        .bind(extent.mirror.0)
        .bind(extent.window)
        .fetch_one(&self.pool)
        .await?;
        let (first, last): (Option<DateTime<Utc>>, Option<DateTime<Utc>>) = (row.get("first"), row.get("last"));
        Ok(first.zip(last).map(|(first, last)| [first, last]))
    }

    /// The key that signs statements, as PKCS #8: the one that is kept, or `fresh`, which is kept from now on.
    pub async fn signing_key(&self, fresh: &[u8], now: DateTime<Utc>) -> Result<Vec<u8>> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("insert into signing_key (pkcs8, made_at) values ($1, $2) on conflict do nothing")
            .bind(fresh)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        let key = sqlx::query_scalar("select pkcs8 from signing_key").fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(key)
    }
}
