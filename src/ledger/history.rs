//! What happened to a pair, as it is recorded: for the explanation of a ticket. Nothing is decided or compared here.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::desk::Side;
use crate::desk::id::{AttachmentId, MessageId, TicketId};
use crate::mirror::PairId;

use super::conflict::Conflict;
use super::pair::side_of;
use super::{Ledger, Result, stored};

/// A hint that came in.
#[derive(Debug, Clone, PartialEq)]
pub struct EventRecord {
    pub id: i64,
    /// Of this pair, or of one that was merged into it.
    pub pair: PairId,
    /// `source` or `target`.
    pub side: String,
    pub ticket: TicketId,
    pub seq: i64,
    pub origin: String,
    pub what: String,
    pub evidence: String,
    pub least_stamp: Option<String>,
    /// The desk's clock.
    pub happened_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    pub applied_at: Option<DateTime<Utc>>,
    /// The fence of the claim that settled it; `None` with `applied_at`: an operator gave it up.
    pub settled_by: Option<i64>,
    /// A poll's event that the webhook did not tell; `None`: not judged.
    pub missed: Option<bool>,
    pub delivery: Option<DeliveryRecord>,
}

/// The webhook request that a hint came in.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryRecord {
    pub id: i64,
    pub received_at: DateTime<Utc>,
    /// Of the body. 0: it was destroyed, because something was taken from people's eyes at the source.
    pub bytes: i32,
    /// Headers and body, if they were asked for.
    pub raw: Option<(Json, Vec<u8>)>,
}

/// A write.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteRecord {
    pub id: i64,
    pub pair: PairId,
    pub fence: i64,
    pub kind: String,
    pub key: String,
    /// `prepared`, `sent`, `done`, `void`.
    pub state: String,
    pub detail: Json,
    pub result: Option<Json>,
    pub prepared_at: DateTime<Utc>,
    pub closed_at: Option<DateTime<Utc>>,
}

/// Something that waited, or waits, for a person.
#[derive(Debug, Clone, PartialEq)]
pub struct ParkRecord {
    pub id: i64,
    pub kind: String,
    pub reason: String,
    pub advice: String,
    pub parked_at: DateTime<Utc>,
    pub decided_at: Option<DateTime<Utc>>,
    pub decision: Option<String>,
}

/// A message that was carried.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkRecord {
    /// The desk at which it was written.
    pub born: Side,
    pub original: MessageId,
    pub copy: Option<MessageId>,
    pub visibility: String,
    pub files: Vec<AttachmentId>,
    pub exposed: bool,
    pub made_at: DateTime<Utc>,
}

/// Work that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitRecord {
    /// Changes that are not applied.
    pub changes: i64,
    pub due_at: DateTime<Utc>,
    pub look_again_at: Option<DateTime<Utc>>,
    pub attempts: i32,
    /// Why the last try came to nothing.
    pub fault: Option<String>,
    pub blocked: bool,
}

/// Everything that is recorded about a pair, and about those that were merged into it, in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    pub created_at: DateTime<Utc>,
    /// Our clock at the start of the last whole read.
    pub read_at: Option<DateTime<Utc>>,
    /// What the last look was settled with.
    pub mapping_version: Option<String>,
    pub events: Vec<EventRecord>,
    pub writes: Vec<WriteRecord>,
    pub conflicts: Vec<Conflict>,
    pub parked: Vec<ParkRecord>,
    pub messages: Vec<LinkRecord>,
    /// Source tickets that links wait for.
    pub waits_for: Vec<TicketId>,
    pub wait: Option<WaitRecord>,
}

/// The pair and all that were merged into it.
const FAMILY: &str = "with recursive family as (
    select id, 0 as depth from pair where id = $1
    union
    select p.id, f.depth + 1 from family f join pair p on p.merged_into = f.id where f.depth < 20
)";

impl Ledger {
    /// The history of a pair; with `raw` the requests themselves too.
    pub async fn history(&self, pair: PairId, raw: bool) -> Result<History> {
        let row = sqlx::query(
            "select created_at, read_at, mapping_version,
                    array(select waits_for from link_wait where pair_id = $1 order by waits_for) as waits_for
             from pair where id = $1",
        )
        .bind(pair.0)
        .fetch_one(&self.pool)
        .await?;
        Ok(History {
            created_at: row.get("created_at"),
            read_at: row.get("read_at"),
            mapping_version: row.get("mapping_version"),
            events: self.events_of(pair, raw).await?,
            writes: self.writes_of(pair).await?,
            conflicts: self.conflicts_of_pair(pair).await?,
            parked: self.parked_of(pair).await?,
            messages: self.messages_of(pair).await?,
            waits_for: row.get::<Vec<String>, _>("waits_for").into_iter().map(TicketId::new).collect(),
            wait: self.wait_of(pair).await?,
        })
    }

    async fn events_of(&self, pair: PairId, raw: bool) -> Result<Vec<EventRecord>> {
        let sql = format!(
            "{FAMILY}
             select e.*, d.received_at as delivered_at, octet_length(d.body) as bytes,
                    case when $2 then d.headers end as headers, case when $2 then d.body end as body
             from change_event e left join delivery d on d.id = e.delivery_id
             where e.pair_id in (select id from family)
             order by e.received_at, e.id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(pair.0).bind(raw).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(read_event).collect())
    }

    async fn writes_of(&self, pair: PairId) -> Result<Vec<WriteRecord>> {
        let sql = format!("{FAMILY} select * from intent where pair_id in (select id from family) order by id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(pair.0).fetch_all(&self.pool).await?;
        let read = |row: &PgRow| WriteRecord {
            id: row.get("id"),
            pair: PairId(row.get("pair_id")),
            fence: row.get("fence"),
            kind: row.get("kind"),
            key: row.get("key"),
            state: row.get("state"),
            detail: row.get("detail"),
            result: row.get("result"),
            prepared_at: row.get("prepared_at"),
            closed_at: row.get("closed_at"),
        };
        Ok(rows.iter().map(read).collect())
    }

    async fn parked_of(&self, pair: PairId) -> Result<Vec<ParkRecord>> {
        let rows = sqlx::query("select * from parked where pair_id = $1 order by id").bind(pair.0).fetch_all(&self.pool).await?;
        let read = |row: &PgRow| ParkRecord {
            id: row.get("id"),
            kind: row.get("kind"),
            reason: row.get("reason"),
            advice: row.get("advice"),
            parked_at: row.get("parked_at"),
            decided_at: row.get("decided_at"),
            decision: row.get("decision"),
        };
        Ok(rows.iter().map(read).collect())
    }

    async fn messages_of(&self, pair: PairId) -> Result<Vec<LinkRecord>> {
        let rows = sqlx::query("select * from message_link where pair_id = $1 order by made_at, original")
            .bind(pair.0)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read_link).collect()
    }

    async fn wait_of(&self, pair: PairId) -> Result<Option<WaitRecord>> {
        let row = sqlx::query(
            "select pending - applied as changes, due_at, look_again_at, attempts, fault, blocked from lane
             where pair_id = $1 and (pending > applied or look_again_at is not null or blocked)",
        )
        .bind(pair.0)
        .fetch_optional(&self.pool)
        .await?;
        let read = |row: PgRow| WaitRecord {
            changes: row.get("changes"),
            due_at: row.get("due_at"),
            look_again_at: row.get("look_again_at"),
            attempts: row.get("attempts"),
            fault: row.get("fault"),
            blocked: row.get("blocked"),
        };
        Ok(row.map(read))
    }
}

fn read_event(row: &PgRow) -> EventRecord {
    let raw = row.get::<Option<Json>, _>("headers").zip(row.get::<Option<Vec<u8>>, _>("body"));
    let delivery = row.get::<Option<i64>, _>("delivery_id").map(|id| DeliveryRecord {
        id,
        received_at: row.get("delivered_at"),
        bytes: row.get("bytes"),
        raw,
    });
    EventRecord {
        id: row.get("id"),
        pair: PairId(row.get("pair_id")),
        side: row.get("side"),
        ticket: TicketId::new(row.get::<String, _>("ticket")),
        seq: row.get("seq"),
        origin: row.get("origin"),
        what: row.get("what"),
        evidence: row.get("evidence"),
        least_stamp: row.get("least_stamp"),
        happened_at: row.get("happened_at"),
        received_at: row.get("received_at"),
        applied_at: row.get("applied_at"),
        settled_by: row.get("settled_by"),
        missed: row.get("missed"),
        delivery,
    }
}

fn read_link(row: &PgRow) -> Result<LinkRecord> {
    let born = side_of(row.get("origin_side"));
    let copy: Option<String> = row.get(if born == Side::Source { "target_message" } else { "source_message" });
    Ok(LinkRecord {
        born,
        original: MessageId::new(row.get::<String, _>("original")),
        copy: copy.map(MessageId::new),
        visibility: row.get("visibility"),
        files: stored("the files of a message link", row.get("files"))?,
        exposed: row.get("exposed"),
        made_at: row.get("made_at"),
    })
}
