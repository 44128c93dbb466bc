//! Pairs: one ticket in both desks, with base and message links.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::{AttachmentId, MessageId, TicketId};
use crate::desk::ticket::Visibility;
use crate::merge::base::{Base, MessageLink};
use crate::merge::ruling::Ruling;
use crate::mirror::{MirrorId, PairId};

use super::{Ledger, Result, stored};

/// A pair as the ledger knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    pub id: PairId,
    pub source_ticket: Option<TicketId>,
    pub target_ticket: Option<TicketId>,
    /// The desk that leads once both have the ticket; see [`Pair::lead`].
    pub authority: Side,
    /// When it came to lead, where the other one did before.
    pub turned_at: Option<DateTime<Utc>>,
    /// Where people made it first.
    pub born: Side,
    /// `new`, `copied`, `merged`, `deleted`, `left` (the scope), `outside` (never was in it).
    pub state: String,
    pub base: Option<Base>,
    pub source_stamp: Option<String>,
    pub source_feed_stamp: Option<String>,
    pub target_stamp: Option<String>,
    /// Digests of what the reads with these stamps showed.
    pub source_shown: Option<String>,
    pub target_shown: Option<String>,
    pub incomplete_why: Option<String>,
    /// How many follow-ups took over before.
    pub part: u16,
    /// The target ticket before the present one: closed for good.
    pub former: Option<TicketId>,
    /// What people decided about fields and is not carried out yet.
    pub rulings: Vec<Ruling>,
    /// A field waits for a decision.
    pub disputed: bool,
    /// Fields whose mapping changed and that are to be rewritten, with what the mapping before wanted.
    pub reapply: BTreeMap<FieldKey, Option<Value>>,
}

/// The most that the hints of a claim promise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Promise {
    /// The highest strong stamp, for desks whose stamps are numbers.
    pub least_stamp: Option<String>,
    /// The latest time of change that a hint told.
    pub at: Option<DateTime<Utc>>,
    /// A hint came without a strong stamp.
    pub weak: bool,
}

impl Pair {
    /// The ticket of a side.
    pub fn ticket(&self, side: Side) -> Option<&TicketId> {
        match side {
            Side::Source => self.source_ticket.as_ref(),
            Side::Target => self.target_ticket.as_ref(),
        }
    }

    /// The strong stamp of a side's ticket as it was read last.
    pub fn stamp(&self, side: Side) -> Option<&str> {
        match side {
            Side::Source => self.source_stamp.as_deref(),
            Side::Target => self.target_stamp.as_deref(),
        }
    }

    /// The number that people know it by: the old desk's, or the new desk's where the old one has no ticket.
    pub fn number(&self) -> &str {
        self.source_ticket.as_ref().or(self.target_ticket.as_ref()).map_or("", TicketId::as_str)
    }

    /// The desk that leads now: until both have the ticket, the one that has it.
    pub fn lead(&self) -> Side {
        lead_of(self.authority, |side| self.ticket(side).is_some())
    }
}

impl Ledger {
    /// A pair with everything that a decision needs.
    pub async fn pair(&self, id: PairId) -> Result<Pair> {
        let row = sqlx::query(
            "select p.id, p.source_ticket, p.target_ticket, p.authority, p.turned_at, p.born, p.state, p.base, p.source_stamp, p.source_feed_stamp,
                    p.target_stamp, p.source_shown, p.target_shown, p.incomplete_why,
                    (select count(*) from pair_former f where f.pair_id = p.id) as part,
                    (select f.target_ticket from pair_former f where f.pair_id = p.id order by f.ordinal desc limit 1) as former,
                    (select jsonb_agg(jsonb_build_object('id', r.id, 'field', r.field, 'source', r.source_value,
                            'target', r.target_value, 'keep', r.keep, 'value', r.value) order by r.id)
                        from ruling r where r.pair_id = p.id and r.closed_at is null) as rulings,
                    exists (select 1 from conflict c
                        where c.pair_id = p.id and c.winner = 'undecided' and c.closed_at is null) as disputed,
                    (select jsonb_object_agg(r.field, r.wanted) from reapply r where r.pair_id = p.id) as reapply
             from pair p
             where p.id = $1",
        )
        .bind(id.0)
        .fetch_one(&self.pool)
        .await?;
        read_pair(&row)
    }

    /// The links of a pair, and those of these messages, whichever pair they came with: messages move when tickets are merged.
    pub async fn message_links(&self, mirror: MirrorId, pair: PairId, shown: &[(Side, &MessageId)]) -> Result<Vec<MessageLink>> {
        let at = |side| shown.iter().filter(|(of, _)| *of == side).map(|(_, id)| id.as_str()).collect::<Vec<_>>();
        let rows = sqlx::query(
            "select origin_side, original, case origin_side when 'source' then target_message else source_message end as copy,
                    digest, visibility, files, exposed
             from message_link
             where pair_id = $1 or (mirror_id = $2 and source_message = any($3)) or (mirror_id = $2 and target_message = any($4))
             order by made_at, original",
        )
        .bind(pair.0)
        .bind(mirror.0)
        .bind(at(Side::Source))
        .bind(at(Side::Target))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_link).collect()
    }

    /// What the hints up to `pending` promise that a read of the leading side has to show.
    pub async fn promise(&self, id: PairId, lead: Side, pending: i64) -> Result<Promise> {
        let row = sqlx::query(
            "select max(least_stamp::numeric) filter (where least_stamp ~ '^[0-9]+$')::text as least_stamp,
                    max(happened_at) filter (where least_stamp is null and origin not in ('operator', 'sweep')) as at,
                    coalesce(bool_or(least_stamp is null and origin = 'webhook'), false) as weak
             from change_event
             where pair_id = $1 and side = $2 and seq <= $3 and applied_at is null",
        )
        .bind(id.0)
        .bind(lead.as_str())
        .bind(pending)
        .fetch_one(&self.pool)
        .await?;
        Ok(Promise { least_stamp: row.get("least_stamp"), at: row.get("at"), weak: row.get("weak") })
    }

    /// Which of these tickets of a desk have one at the other desk; a target's former one stands for the pair too.
    pub async fn others_of(&self, mirror: MirrorId, side: Side, tickets: &[&TicketId]) -> Result<BTreeMap<TicketId, TicketId>> {
        let ids: Vec<&str> = tickets.iter().map(|id| id.as_str()).collect();
        let rows = sqlx::query(match side {
            Side::Source => {
                "select source_ticket as own, target_ticket as other from pair
                 where mirror_id = $1 and source_ticket = any($2) and target_ticket is not null"
            }
            Side::Target => {
                "select target_ticket as own, source_ticket as other from pair
                 where mirror_id = $1 and target_ticket = any($2) and source_ticket is not null
                 union
                 select f.target_ticket, p.source_ticket from pair_former f join pair p on p.id = f.pair_id
                 where p.mirror_id = $1 and f.target_ticket = any($2) and p.source_ticket is not null"
            }
        })
        .bind(mirror.0)
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        let ids = |row: PgRow| (TicketId::new(row.get::<String, _>("own")), TicketId::new(row.get::<String, _>("other")));
        Ok(rows.into_iter().map(ids).collect())
    }

    /// Which of these tickets of a desk have none at the other desk and will get none as things are.
    pub async fn lost(&self, mirror: MirrorId, side: Side, tickets: &[&TicketId]) -> Result<BTreeSet<TicketId>> {
        let ids: Vec<&str> = tickets.iter().map(|id| id.as_str()).collect();
        let found: Vec<String> = sqlx::query_scalar(match side {
            Side::Source => {
                "select source_ticket from pair
                 where mirror_id = $1 and source_ticket = any($2) and target_ticket is null
                   and state in ('outside', 'deleted', 'merged')"
            }
            // A target's own ticket that nobody carries has no pair.
            Side::Target => {
                "select t.id from unnest($2::text[]) as t(id)
                 where not exists (
                     select 1 from pair where mirror_id = $1 and target_ticket = t.id
                         and (source_ticket is not null or state not in ('outside', 'deleted', 'merged')))
                   and not exists (
                     select 1 from pair_former f join pair p on p.id = f.pair_id
                     where p.mirror_id = $1 and f.target_ticket = t.id and p.source_ticket is not null)"
            }
        })
        .bind(mirror.0)
        .bind(ids)
        .fetch_all(&self.pool)
        .await?;
        Ok(found.into_iter().map(TicketId::new).collect())
    }

    /// The pairs of a number: of the source's ticket, or of a target ticket, present or former.
    pub async fn pairs_of_number(&self, mirror: MirrorId, number: &str) -> Result<Vec<Pair>> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "select id from pair where mirror_id = $1 and source_ticket = $2
             union
             select id from pair where mirror_id = $1 and target_ticket = $2
             union
             select p.id from pair_former f join pair p on p.id = f.pair_id where p.mirror_id = $1 and f.target_ticket = $2
             order by id",
        )
        .bind(mirror.0)
        .bind(number)
        .fetch_all(&self.pool)
        .await?;
        let mut pairs = Vec::with_capacity(ids.len());
        for id in ids {
            pairs.push(self.pair(PairId(id)).await?);
        }
        Ok(pairs)
    }

    /// The pair of a source ticket.
    pub async fn pair_of_source(&self, mirror: MirrorId, source: &TicketId) -> Result<Option<PairId>> {
        let id: Option<i64> = sqlx::query_scalar("select id from pair where mirror_id = $1 and source_ticket = $2")
            .bind(mirror.0)
            .bind(source.as_str())
            .fetch_optional(&self.pool)
            .await?;
        Ok(id.map(PairId))
    }

    /// The pair of a target ticket, present or former.
    pub async fn pair_of_target(&self, mirror: MirrorId, target: &TicketId) -> Result<Option<PairId>> {
        let id: Option<i64> = sqlx::query_scalar(
            "select id from pair where mirror_id = $1 and target_ticket = $2
             union all
             select p.id from pair_former f join pair p on p.id = f.pair_id where p.mirror_id = $1 and f.target_ticket = $2
             limit 1",
        )
        .bind(mirror.0)
        .bind(target.as_str())
        .fetch_optional(&self.pool)
        .await?;
        Ok(id.map(PairId))
    }

    /// Pairs that have a target, by id, for a check that goes through all of them.
    pub async fn pairs_after(&self, mirror: MirrorId, after: PairId, most: i64) -> Result<Vec<Pair>> {
        let ids: Vec<i64> = sqlx::query_scalar(
            "select id from pair where mirror_id = $1 and id > $2 and state <> 'outside' order by id limit $3",
        )
        .bind(mirror.0)
        .bind(after.0)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        let mut pairs = Vec::with_capacity(ids.len());
        for id in ids {
            pairs.push(self.pair(PairId(id)).await?);
        }
        Ok(pairs)
    }
}

fn read_pair(row: &PgRow) -> Result<Pair> {
    let base: Option<Json> = row.get("base");
    let rulings: Option<Json> = row.get("rulings");
    let reapply: Option<Json> = row.get("reapply");
    let ticket = |column: &str| row.get::<Option<String>, _>(column).map(TicketId::new);
    Ok(Pair {
        id: PairId(row.get("id")),
        source_ticket: ticket("source_ticket"),
        target_ticket: ticket("target_ticket"),
        authority: side_of(row.get("authority")),
        turned_at: row.get("turned_at"),
        born: side_of(row.get("born")),
        state: row.get("state"),
        base: base.map(|json| stored("a base", json)).transpose()?,
        source_stamp: row.get("source_stamp"),
        source_feed_stamp: row.get("source_feed_stamp"),
        target_stamp: row.get("target_stamp"),
        source_shown: row.get("source_shown"),
        target_shown: row.get("target_shown"),
        incomplete_why: row.get("incomplete_why"),
        former: ticket("former"),
        rulings: rulings.map(|json| stored("rulings", json)).transpose()?.unwrap_or_default(),
        disputed: row.get("disputed"),
        reapply: reapply.map(|json| stored("what is to be rewritten", json)).transpose()?.unwrap_or_default(),
        part: u16::try_from(row.get::<i64, _>("part")).unwrap_or(u16::MAX),
    })
}

/// A side by the word that is stored for it.
pub(super) fn side_of(word: &str) -> Side {
    if word == "target" { Side::Target } else { Side::Source }
}

/// The desk that leads a pair: the one that is to lead once both have the ticket, until then the one that `has` it.
pub(super) fn lead_of(authority: Side, has: impl Fn(Side) -> bool) -> Side {
    if has(authority) { authority } else { authority.other() }
}

fn read_link(row: &PgRow) -> Result<MessageLink> {
    let files: Vec<AttachmentId> = stored("the files of a message link", row.get("files"))?;
    Ok(MessageLink {
        born: side_of(row.get("origin_side")),
        original: MessageId::new(row.get::<String, _>("original")),
        copy: row.get::<Option<String>, _>("copy").map(MessageId::new),
        digest: row.get("digest"),
        visibility: if row.get::<&str, _>("visibility") == "internal" { Visibility::Internal } else { Visibility::Public },
        files,
        exposed: row.get("exposed"),
    })
}
