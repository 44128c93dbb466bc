//! What a switch has to account for: the work, the questions and the open tickets of the windows that it is about.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::mirror::{MirrorId, PairId};

use super::sample::carried;
use super::window::within;
use super::{Ledger, Result};

/// What stands open. What nobody can tell the window of, because its ticket was never settled or it has no ticket, counts for every window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Account {
    /// Tickets that the target has.
    pub copied: i64,
    /// Lanes with work, blocked ones left out.
    pub waiting: i64,
    /// Seconds since the oldest waiting event was received.
    pub oldest_seconds: f64,
    /// Things that wait for a person, but for fields.
    pub parked: i64,
    /// What the most urgent of them says.
    pub parked_example: Option<String>,
    /// Fields that wait for a person's decision.
    pub undecided: i64,
}

/// A ticket that people have to do with, in both desks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenTicket {
    pub pair: PairId,
    pub old: TicketId,
    pub new: TicketId,
    /// When it was read last.
    pub read_at: Option<DateTime<Utc>>,
}

impl Ledger {
    /// Counts what stands open in these windows; `None`: in the whole mirror.
    pub async fn account(&self, mirror: MirrorId, windows: Option<&[i64]>, now: DateTime<Utc>) -> Result<Account> {
        let row = sqlx::query(concat!(
            "with work as (
                 select l.pending > l.applied as has_news, l.waiting_since
                 from lane l join pair p on p.id = l.pair_id join mirror m on m.id = l.mirror_id
                 where l.mirror_id = $1 and not l.blocked and (l.pending > l.applied or l.look_again_at is not null) and ",
            carried!(),
            " and ",
            within!(),
            "
             ), asked as (
                 select k.reason, row_number() over (order by k.urgent desc, k.parked_at, k.id) as place
                 from parked k left join pair p on p.id = k.pair_id
                 where k.mirror_id = $1 and k.decided_at is null and k.kind <> 'conflict' and ",
            within!(),
            "
             )
             select (select count(*) from pair p
                     where p.mirror_id = $1 and p.target_ticket is not null and ($2::bigint[] is null or p.window_id = any($2))) as copied,
                    (select count(*) from work) as waiting,
                    (select greatest(extract(epoch from $3 - min(waiting_since)), 0)::float8 from work where has_news) as oldest,
                    (select count(*) from asked) as parked, (select reason from asked where place = 1) as example,
                    (select count(*) from conflict c join pair p on p.id = c.pair_id
                     where c.mirror_id = $1 and c.winner = 'undecided' and c.closed_at is null and ",
            within!(),
            ") as undecided"
        ))
        .bind(mirror.0)
        .bind(windows)
        .bind(now)
        .fetch_one(&self.pool)
        .await?;
        Ok(Account {
            copied: row.get("copied"),
            waiting: row.get("waiting"),
            oldest_seconds: row.get("oldest"),
            parked: row.get("parked"),
            parked_example: row.get("example"),
            undecided: row.get("undecided"),
        })
    }

    /// The groups that tickets of these windows (`None`: of all) are in at this desk, by their pairs' bases.
    pub async fn groups(&self, mirror: MirrorId, windows: Option<&[i64]>, side: Side) -> Result<BTreeSet<String>> {
        let groups: Vec<String> = sqlx::query_scalar(concat!(
            "select distinct p.base #>> array['fields', 'group', $3, 'text'] from pair p
             where p.mirror_id = $1 and p.base #>> array['fields', 'group', $3, 'text'] is not null and ",
            within!()
        ))
        .bind(mirror.0)
        .bind(windows)
        .bind(side.as_str())
        .fetch_all(&self.pool)
        .await?;
        Ok(groups.into_iter().collect())
    }

    /// The next tickets, at most `most`, of these windows (`None`: of all) that both desks have and whose status is none of `done` at this
    /// desk, in the order of their pairs. A pair's base tells the status.
    pub async fn open_tickets(
        &self,
        mirror: MirrorId,
        windows: Option<&[i64]>,
        (side, done): (Side, &[&str]),
        (after, most): (PairId, i64),
    ) -> Result<Vec<OpenTicket>> {
        let rows = sqlx::query(
            "select id, source_ticket, target_ticket, read_at from pair
             where mirror_id = $1 and ($2::bigint[] is null or window_id = any($2))
               and state = 'copied' and source_ticket is not null and target_ticket is not null
               and base #>> array['fields', 'status', $3, 'text'] <> all($4) and id > $5
             order by id
             limit $6",
        )
        .bind(mirror.0)
        .bind(windows)
        .bind(side.as_str())
        .bind(done)
        .bind(after.0)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        let ticket = |row: PgRow| OpenTicket {
            pair: PairId(row.get("id")),
            old: TicketId::new(row.get::<String, _>("source_ticket")),
            new: TicketId::new(row.get::<String, _>("target_ticket")),
            read_at: row.get("read_at"),
        };
        Ok(rows.into_iter().map(ticket).collect())
    }
}
