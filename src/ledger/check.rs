//! What the ledger knows of a pair, as plain data for the judge: he compares desks, and believes records only.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use sqlx::Row;

use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::{MessageId, PersonId, TicketId};
use crate::desk::ticket::Link;
use crate::merge::base::Apart;
use crate::mirror::{MirrorId, PairId};

use super::pair::{Pair, side_of};
use super::person::column;
use super::{Ledger, Result, stored};

/// What was agreed on last about one field, by the source's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreedField {
    pub source: Value,
    pub target: Value,
    /// The target did not keep what was written.
    pub flagged: bool,
    /// Written and not read back: `target` is what was meant.
    pub unread: bool,
    /// The target's own value stands by the policy.
    pub by_policy: bool,
    /// A person decided what the target holds.
    pub by_person: bool,
}

impl AgreedField {
    /// The value of one side.
    pub fn of(&self, side: Side) -> &Value {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }
}

/// A field that both sides changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRecord {
    /// The source's field, as it is written.
    pub field: String,
    pub source: Value,
    pub target: Value,
    /// `source`, `target`, `value` or `undecided`.
    pub winner: String,
}

/// What is recorded about a pair besides its row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PairRecord {
    pub fields: BTreeMap<FieldKey, AgreedField>,
    /// Links that were carried: the source's and the target's.
    pub links: Vec<(Link, Link)>,
    /// Links of the source that the target does not have, and people were told.
    pub unheld: Vec<Link>,
    /// Source tickets that a link waits for.
    pub waits_for: BTreeSet<TicketId>,
    pub conflicts: Vec<ConflictRecord>,
    /// Kinds of what waits for a person.
    pub parked: BTreeSet<String>,
    /// `mark`, `delete`, `merge`: what was done to the target ticket.
    pub destroyed: BTreeSet<String>,
    /// Target tickets before the present one.
    pub formers: Vec<TicketId>,
    /// Target tickets of pairs that were merged into this one, and source tickets.
    pub absorbed: Vec<TicketId>,
    pub absorbed_here: Vec<TicketId>,
    pub mapping_version: Option<String>,
    /// Messages of the following desk that stay there, and people were told.
    pub stays: BTreeSet<MessageId>,
}

/// Which message of one desk stands for a message of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// The desk at which it was written.
    pub born: Side,
    pub original: MessageId,
    pub copy: Option<MessageId>,
    /// The original was restricted, and the other desk cannot follow: a person was told.
    pub exposed: bool,
    /// With which pair it came.
    pub pair: PairId,
    /// That is the pair in question, or one that was merged with it.
    pub kin: bool,
}

impl MessageRecord {
    /// The message at this desk.
    pub fn at(&self, side: Side) -> Option<&MessageId> {
        if self.born == side { Some(&self.original) } else { self.copy.as_ref() }
    }
}

/// Who stands for a person at the other desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    /// `None`: looked up, and there is nobody.
    pub there: Option<PersonId>,
    /// As it was when the person was looked up.
    pub name: String,
    pub email: Option<String>,
}

/// How far a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneState {
    pub pending: i64,
    pub applied: i64,
    pub fence: i64,
    pub second_look: bool,
    pub claimed: bool,
    pub blocked: bool,
}

impl LaneState {
    /// Everything that is known was applied, and nobody is at it.
    pub fn is_clean(&self) -> bool {
        self.pending == self.applied && !self.second_look && !self.claimed
    }
}

impl Ledger {
    /// Everything recorded about a pair.
    pub async fn pair_record(&self, pair: &Pair) -> Result<PairRecord> {
        let row = sqlx::query(
            "with recursive swallowed as (
                 select id, source_ticket, target_ticket, 0 as depth from pair where merged_into = $1
                 union
                 select p.id, p.source_ticket, p.target_ticket, s.depth + 1
                 from swallowed s join pair p on p.merged_into = s.id
                 where s.depth < 20
             )
             select mapping_version,
                    array(select f.target_ticket from pair_former f where f.pair_id = $1 order by f.ordinal) as formers,
                    array(select s.target_ticket from swallowed s where s.target_ticket is not null) as absorbed,
                    array(select s.source_ticket from swallowed s where s.source_ticket is not null) as absorbed_here,
                    array(select w.waits_for from link_wait w where w.pair_id = $1) as waits_for,
                    array(select k.kind from parked k where k.pair_id = $1 and k.decided_at is null) as parked,
                    array(select d.kind from destruction d where d.pair_id = $1) as destroyed
             from pair where id = $1",
        )
        .bind(pair.id.0)
        .fetch_one(&self.pool)
        .await?;
        let tickets = |column: &str| row.get::<Vec<String>, _>(column).into_iter().map(TicketId::new).collect();
        let base = pair.base.as_ref();
        let fields = base.into_iter().flat_map(|base| &base.fields).map(|(key, field)| {
            let (source, target) = (field.source.clone(), field.target.clone());
            let agreed = AgreedField {
                source,
                target,
                flagged: field.flagged,
                unread: field.unread,
                by_policy: field.apart == Some(Apart::ByPolicy),
                by_person: field.apart == Some(Apart::ByPerson),
            };
            (key.clone(), agreed)
        });
        Ok(PairRecord {
            fields: fields.collect(),
            links: base.into_iter().flat_map(|base| &base.links).map(|link| (link.source.clone(), link.target.clone())).collect(),
            unheld: base.into_iter().flat_map(|base| &base.unheld).map(|one| one.link.clone()).collect(),
            waits_for: row.get::<Vec<String>, _>("waits_for").into_iter().map(TicketId::new).collect(),
            conflicts: self.conflicts_of(pair.id).await?,
            parked: row.get::<Vec<String>, _>("parked").into_iter().collect(),
            destroyed: row.get::<Vec<String>, _>("destroyed").into_iter().collect(),
            formers: tickets("formers"),
            absorbed: tickets("absorbed"),
            absorbed_here: tickets("absorbed_here"),
            mapping_version: row.get("mapping_version"),
            stays: base.map(|base| base.stays.clone()).unwrap_or_default(),
        })
    }

    async fn conflicts_of(&self, pair: PairId) -> Result<Vec<ConflictRecord>> {
        let rows = sqlx::query("select field, source_now, target_now, winner from conflict where pair_id = $1 order by id")
            .bind(pair.0)
            .fetch_all(&self.pool)
            .await?;
        let mut conflicts = Vec::with_capacity(rows.len());
        for row in rows {
            conflicts.push(ConflictRecord {
                field: row.get("field"),
                source: stored("a conflict", row.get::<Json, _>("source_now"))?,
                target: stored("a conflict", row.get::<Json, _>("target_now"))?,
                winner: row.get("winner"),
            });
        }
        Ok(conflicts)
    }

    /// The message links of a pair, and those of these source and target messages whichever pair they came with.
    pub async fn message_records(
        &self,
        mirror: MirrorId,
        pair: PairId,
        [sources, targets]: [&[&str]; 2],
    ) -> Result<Vec<MessageRecord>> {
        let rows = sqlx::query(
            "with recursive upward as (
                 select id, merged_into, 0 as depth from pair where id = $1
                 union
                 select p.id, p.merged_into, u.depth + 1 from upward u join pair p on p.id = u.merged_into where u.depth < 20
             ), kin as (
                 select id, 0 as depth from upward
                 union
                 select p.id, k.depth + 1 from kin k join pair p on p.merged_into = k.id where k.depth < 20
             )
             select origin_side, original, case origin_side when 'source' then target_message else source_message end as copy, exposed,
                    pair_id, pair_id in (select id from kin) as kin
             from message_link
             where pair_id = $1 or (mirror_id = $2 and source_message = any($3)) or (mirror_id = $2 and target_message = any($4))
             order by original",
        )
        .bind(pair.0)
        .bind(mirror.0)
        .bind(sources)
        .bind(targets)
        .fetch_all(&self.pool)
        .await?;
        let record = |row: sqlx::postgres::PgRow| MessageRecord {
            born: side_of(row.get("origin_side")),
            original: MessageId::new(row.get::<String, _>("original")),
            copy: row.get::<Option<String>, _>("copy").map(MessageId::new),
            exposed: row.get("exposed"),
            pair: PairId(row.get("pair_id")),
            kin: row.get("kin"),
        };
        Ok(rows.into_iter().map(record).collect())
    }

    /// What is recorded about these people of a desk, however long ago; those never looked up are missing.
    pub async fn people_records(
        &self,
        mirror: MirrorId,
        side: Side,
        people: &[&str],
    ) -> Result<BTreeMap<PersonId, PersonRecord>> {
        let (own, other) = (column(side), column(side.other()));
        let sql = format!(
            "select distinct on ({own}) {own} as person, {other} as there, name, email from person_link
             where mirror_id = $1 and {own} = any($2)
             order by {own}, {other} is null, side <> $3, made_at"
        );
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(mirror.0).bind(people).bind(side.as_str()).fetch_all(&self.pool).await?;
        let record = |row: sqlx::postgres::PgRow| {
            let there: Option<String> = row.get("there");
            let record = PersonRecord { there: there.map(PersonId::new), name: row.get("name"), email: row.get("email") };
            (PersonId::new(row.get::<String, _>("person")), record)
        };
        Ok(rows.into_iter().map(record).collect())
    }

    /// How far a lane is. `None`: the pair has none.
    pub async fn lane_state(&self, pair: PairId) -> Result<Option<LaneState>> {
        let row = sqlx::query(
            "select pending, applied, fence, look_again_at is not null as second_look, lease_owner is not null as claimed, blocked
             from lane where pair_id = $1",
        )
        .bind(pair.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|row| LaneState {
            pending: row.get("pending"),
            applied: row.get("applied"),
            fence: row.get("fence"),
            second_look: row.get("second_look"),
            claimed: row.get("claimed"),
            blocked: row.get("blocked"),
        }))
    }

    /// Which of these source tickets no pair stands for.
    pub async fn unpaired(&self, mirror: MirrorId, sources: &[&str]) -> Result<Vec<TicketId>> {
        let rows: Vec<String> = sqlx::query_scalar(
            "select t.ticket from unnest($2::text[]) as t(ticket)
             where not exists (select 1 from pair p where p.mirror_id = $1 and p.source_ticket = t.ticket)
             order by t.ticket",
        )
        .bind(mirror.0)
        .bind(sources)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(TicketId::new).collect())
    }
}
