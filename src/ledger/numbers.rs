//! The map of numbers: which ticket of the old desk became which of the new one, and whose its files were. It outlives everything else
//! that is known of them.

use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::desk::id::TicketId;
use crate::mirror::{MirrorId, PairId};

use super::{Ledger, Result};

/// A ticket by its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Numbers {
    #[serde(skip)]
    pub pair: PairId,
    /// `None`: it began in the new desk.
    pub old: Option<TicketId>,
    /// `None`: it was never copied.
    pub new: Option<TicketId>,
    /// As [`super::pair::Pair::state`].
    pub state: String,
    /// New tickets that are closed for good and went before `new`, the oldest first.
    pub before: Vec<TicketId>,
    /// The old number of the ticket that it was merged into.
    pub merged_into: Option<TicketId>,
}

const NUMBERS: &str = "select p.id, p.source_ticket, p.target_ticket, p.state, m.source_ticket as merged_into,
        array(select f.target_ticket from pair_former f where f.pair_id = p.id order by f.ordinal) as before
    from pair p left join pair m on m.id = p.merged_into
    where p.mirror_id = $1";

/// The first line of the map as CSV.
pub const HEAD: &str = "old,new,state,before,merged_into";

impl Numbers {
    /// The ticket's line in the map as CSV, without its end.
    pub fn csv(&self) -> String {
        let cell = |ticket: &Option<TicketId>| quoted(ticket.as_ref().map_or("", TicketId::as_str));
        let before = quoted(&joined(&self.before, " "));
        [cell(&self.old), cell(&self.new), quoted(&self.state), before, cell(&self.merged_into)].join(",")
    }
}

/// Numbers one after the other.
pub fn joined(tickets: &[TicketId], by: &str) -> String {
    tickets.iter().map(TicketId::as_str).collect::<Vec<_>>().join(by)
}

/// As RFC 4180 has it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_string() }
}

/// What a file was known by at the old desk is kept as a digest: it may be enough to fetch the file there.
fn digests(names: &[String]) -> Vec<Vec<u8>> {
    names.iter().map(|name| Sha256::digest(name).to_vec()).collect()
}

impl Ledger {
    /// Remembers by what names an old ticket's files were known; a name that is known stays with its ticket.
    pub async fn remember_files(&self, mirror: MirrorId, ticket: &TicketId, names: &[String]) -> Result<()> {
        let sql = "insert into old_file (mirror_id, name, ticket) select $1, name, $3 from unnest($2::bytea[]) name on conflict do nothing";
        sqlx::query(sql).bind(mirror.0).bind(digests(names)).bind(ticket.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    /// The old ticket that has a file with one of these names.
    pub async fn ticket_of_file(&self, mirror: MirrorId, names: &[String]) -> Result<Option<TicketId>> {
        let sql = "select ticket from old_file where mirror_id = $1 and name = any($2) limit 1";
        let found: Option<String> =
            sqlx::query_scalar(sql).bind(mirror.0).bind(digests(names)).fetch_optional(&self.pool).await?;
        Ok(found.map(TicketId::new))
    }

    /// At most `most` tickets after the given one, in the order in which they became known. To read them all: begin with
    /// `PairId(0)`, go on after the last one, until none come.
    pub async fn numbers(&self, mirror: MirrorId, after: PairId, most: i64) -> Result<Vec<Numbers>> {
        let sql = sqlx::AssertSqlSafe(format!("{NUMBERS} and p.id > $2 order by p.id limit $3"));
        let rows = sqlx::query(sql).bind(mirror.0).bind(after.0).bind(most).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(read).collect())
    }

    /// The numbers of one ticket of the old desk.
    pub async fn numbers_of(&self, mirror: MirrorId, old: &TicketId) -> Result<Option<Numbers>> {
        let sql = sqlx::AssertSqlSafe(format!("{NUMBERS} and p.source_ticket = $2"));
        let row = sqlx::query(sql).bind(mirror.0).bind(old.as_str()).fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(read))
    }
}

fn read(row: &PgRow) -> Numbers {
    let ticket = |column: &str| row.get::<Option<String>, _>(column).map(TicketId::new);
    Numbers {
        pair: PairId(row.get("id")),
        old: ticket("source_ticket"),
        new: ticket("target_ticket"),
        state: row.get("state"),
        before: row.get::<Vec<String>, _>("before").into_iter().map(TicketId::new).collect(),
        merged_into: ticket("merged_into"),
    }
}
