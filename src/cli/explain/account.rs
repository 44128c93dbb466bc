//! The account of one ticket: what happened in order, and for each field and message of the target where it comes from.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value as Json;

use crate::config::mirror::MirrorConfig;
use crate::desk::field::FieldKey;
use crate::desk::id::TicketId;
use crate::ledger::check::PairRecord;
use crate::ledger::history::{EventRecord, History, ParkRecord, WriteRecord};
use crate::ledger::mirror::MirrorRow;
use crate::ledger::pair::Pair;
use crate::merge::base::{FieldBase, FieldWrite};
use crate::merge::reason::Reason;

use super::absence::{self, Missing};
use super::dispute;
use super::message::{self, MessageStory};

/// What an account is made of.
pub struct Papers<'a> {
    pub row: &'a MirrorRow,
    pub config: &'a MirrorConfig,
    pub pair: &'a Pair,
    pub history: &'a History,
    pub record: &'a PairRecord,
    /// The target ticket in which the conversation goes on.
    pub survivor: Option<&'a TicketId>,
}

/// Why a target ticket looks as it does. This is what `--json` prints; times are the gateway's clock, where nothing else is said.
#[derive(Debug, Serialize)]
pub struct Account {
    pub mirror: String,
    pub old: End,
    pub new: End,
    /// Target tickets that went before and are closed.
    pub former: Vec<TicketId>,
    pub state: String,
    pub state_means: String,
    /// `old desk` or `new desk`: whose fields count.
    pub leads: &'static str,
    pub mapping: MappingVersions,
    /// The start of the last whole read of the leading desk.
    pub last_looked_at: Option<DateTime<Utc>>,
    /// In the order of time.
    pub happened: Vec<Happening>,
    pub fields: Vec<FieldStory>,
    pub messages: Vec<MessageStory>,
    pub links: Vec<LinkStory>,
    pub not_there: Vec<Missing>,
}

/// One ticket.
#[derive(Debug, Serialize)]
pub struct End {
    pub desk: String,
    pub ticket: Option<TicketId>,
}

/// The mapping that is applied, and the one with which this ticket was looked at last.
#[derive(Debug, Serialize)]
pub struct MappingVersions {
    pub applied: String,
    pub this_ticket: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Serialize)]
pub struct Happening {
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub what: Deed,
}

/// What happened. Numbers are the ledger's.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Deed {
    /// A desk told of a change.
    Event(Event),
    /// The target was written to.
    Write(Write),
    /// One look at both desks settled these events.
    Settled {
        events: Vec<i64>,
    },
    /// An operator gave these events up.
    GivenUp {
        events: Vec<i64>,
    },
    Conflict {
        conflict: i64,
        field: String,
        old: String,
        new: String,
        winner: String,
        /// What came of it, and who decided.
        outcome: String,
    },
    Parked {
        parked: i64,
        as_kind: String,
        reason: String,
        advice: String,
    },
    /// What was parked went on.
    Decided {
        parked: i64,
        decision: String,
    },
}

/// A hint.
#[derive(Debug, Serialize)]
pub struct Event {
    pub event: i64,
    /// `old desk` or `new desk`.
    pub desk: &'static str,
    pub ticket: TicketId,
    /// `webhook`, `poll`, `backfill` (the full copy), `operator`, `sweep`.
    pub witness: String,
    pub what: String,
    pub evidence: String,
    /// The desk's clock.
    pub happened_at: DateTime<Utc>,
    pub delivery: Option<Delivery>,
    /// Only the poll told it.
    pub missed_by_webhook: bool,
    pub waits: bool,
}

/// The webhook request that an event came in.
#[derive(Debug, Serialize)]
pub struct Delivery {
    pub delivery: i64,
    pub received_at: DateTime<Utc>,
    pub bytes: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A write.
#[derive(Debug, Serialize)]
pub struct Write {
    pub write: i64,
    pub did: String,
    /// `done`, `void` (it did not happen, or was decided anew), `sent` (no answer yet).
    pub state: String,
    pub closed_at: Option<DateTime<Utc>>,
    /// The events that waited when it was decided; none: a second look, or a linked ticket.
    pub from_events: Vec<i64>,
    pub mapping: Option<String>,
    pub fields: Vec<FieldDecision>,
    /// Source messages that travelled with it.
    pub messages: Vec<String>,
    /// What the desk said that it did not do.
    pub remarks: Vec<String>,
}

/// A field in a write.
#[derive(Debug, Serialize)]
pub struct FieldDecision {
    pub field: FieldKey,
    pub into: FieldKey,
    pub old: String,
    pub before: String,
    pub written: String,
    pub why: &'static str,
}

/// Where a field of the target comes from.
#[derive(Debug, Serialize)]
pub struct FieldStory {
    pub field: FieldKey,
    pub into: Option<FieldKey>,
    /// What both desks held when they last agreed.
    pub old: String,
    pub new: String,
    pub write: Option<i64>,
    pub from_events: Vec<i64>,
    pub at: Option<DateTime<Utc>>,
    pub why: String,
}

/// A link that was carried.
#[derive(Debug, Serialize)]
pub struct LinkStory {
    pub old: String,
    pub new: String,
}

/// The desk of a side, as people call it.
pub fn desk_name(side: &str) -> &'static str {
    if side == "target" { "new desk" } else { "old desk" }
}

impl Account {
    /// Puts the papers in order.
    pub fn of(papers: &Papers<'_>) -> Account {
        let Papers { row, config, pair, history, record, .. } = papers;
        let writes: Vec<Write> = history.writes.iter().map(|write| told(write, history)).collect();
        let base = pair.base.clone().unwrap_or_default();
        let fields = base.fields.iter().map(|(key, field)| field_story(papers, key, field)).collect();
        let messages = history.messages.iter().map(|link| message::story(link, history)).collect();
        let link = |(source, target): &(crate::desk::ticket::Link, crate::desk::ticket::Link)| LinkStory {
            old: source.to.to_string(),
            new: target.to.to_string(),
        };
        Account {
            mirror: row.name.clone(),
            old: End { desk: config.source.url.clone(), ticket: pair.source_ticket.clone() },
            new: End { desk: config.target.url.clone(), ticket: pair.target_ticket.clone() },
            former: record.formers.clone(),
            state: pair.state.clone(),
            state_means: absence::state(papers),
            leads: desk_name(pair.lead().as_str()),
            mapping: MappingVersions { applied: row.mapping_version.clone(), this_ticket: history.mapping_version.clone() },
            last_looked_at: history.read_at,
            happened: in_order(history, writes),
            fields,
            messages,
            links: record.links.iter().map(link).collect(),
            not_there: absence::of(papers),
        }
    }
}

/// Those that happened at one moment stand in the order of their causes.
fn in_order(history: &History, writes: Vec<Write>) -> Vec<Happening> {
    let mut all: Vec<(DateTime<Utc>, u8, Deed)> = Vec::new();
    all.extend(history.events.iter().map(|event| (event.received_at, 0, Deed::Event(told_event(event)))));
    all.extend(history.conflicts.iter().map(|conflict| (conflict.found_at, 1, dispute::deed(conflict))));
    all.extend(history.writes.iter().zip(writes).map(|(write, told)| (write.prepared_at, 2, Deed::Write(told))));
    for parked in &history.parked {
        all.extend(told_parked(parked).into_iter().map(|(at, deed)| (at, 3, deed)));
    }
    all.extend(settlements(history).into_iter().map(|(at, deed)| (at, 4, deed)));
    all.sort_by_key(|(at, rank, _)| (*at, *rank));
    all.into_iter().map(|(at, _, what)| Happening { at, what }).collect()
}

fn told_event(event: &EventRecord) -> Event {
    let delivery = event.delivery.as_ref().map(|delivery| Delivery {
        delivery: delivery.id,
        received_at: delivery.received_at,
        bytes: delivery.bytes,
        headers: delivery.raw.as_ref().map(|(headers, _)| headers.clone()),
        body: delivery.raw.as_ref().map(|(_, body)| String::from_utf8_lossy(body).into_owned()),
    });
    Event {
        event: event.id,
        desk: desk_name(&event.side),
        ticket: event.ticket.clone(),
        witness: event.origin.clone(),
        what: event.what.clone(),
        evidence: event.evidence.clone(),
        happened_at: event.happened_at,
        delivery,
        missed_by_webhook: event.missed == Some(true),
        waits: event.applied_at.is_none(),
    }
}

fn told_parked(parked: &ParkRecord) -> Vec<(DateTime<Utc>, Deed)> {
    let (reason, advice) = (parked.reason.clone(), parked.advice.clone());
    let mut deeds = vec![(parked.parked_at, Deed::Parked { parked: parked.id, as_kind: parked.kind.clone(), reason, advice })];
    let decision = parked.decision.clone().unwrap_or_default();
    deeds.extend(parked.decided_at.map(|at| (at, Deed::Decided { parked: parked.id, decision })));
    deeds
}

/// Events that one claim settled were settled by one look.
fn settlements(history: &History) -> Vec<(DateTime<Utc>, Deed)> {
    let mut looks: BTreeMap<(i64, Option<i64>, DateTime<Utc>), Vec<i64>> = BTreeMap::new();
    for event in &history.events {
        let Some(at) = event.applied_at else { continue };
        looks.entry((event.pair.0, event.settled_by, at)).or_default().push(event.id);
    }
    let deed = |((_, fence, at), events): ((i64, Option<i64>, DateTime<Utc>), Vec<i64>)| match fence {
        Some(_) => (at, Deed::Settled { events }),
        None => (at, Deed::GivenUp { events }),
    };
    looks.into_iter().map(deed).collect()
}

/// The fields that a write carried.
pub fn fields_of(write: &WriteRecord) -> Vec<FieldWrite> {
    serde_json::from_value(write.detail["fields"].clone()).unwrap_or_default()
}

pub(super) fn messages_of(write: &WriteRecord) -> Vec<String> {
    let links = write.detail["links"].as_array().map(Vec::as_slice).unwrap_or_default();
    links.iter().filter_map(|link| link["original"].as_str().map(str::to_string)).collect()
}

/// The events that a write was decided from: known at its claim, and not settled before it was sent.
pub(super) fn causes(write: &WriteRecord, history: &History) -> Vec<i64> {
    let up_to = write.detail["hints"].as_i64().unwrap_or(i64::MAX);
    let open = |event: &&EventRecord| {
        event.pair == write.pair
            && event.seq <= up_to
            && event.received_at <= write.prepared_at
            && event.applied_at.is_none_or(|at| at >= write.prepared_at)
    };
    history.events.iter().filter(open).map(|event| event.id).collect()
}

fn told(write: &WriteRecord, history: &History) -> Write {
    let decision = |field: FieldWrite| FieldDecision {
        field: field.source,
        into: field.key,
        old: field.lead.to_string(),
        before: field.before.to_string(),
        written: field.intended.to_string(),
        why: field.why.sentence(),
    };
    let remarks = write.result.as_ref().and_then(|result| result["remarks"].as_array());
    Write {
        write: write.id,
        did: did(write),
        state: write.state.clone(),
        closed_at: write.closed_at,
        from_events: causes(write, history),
        mapping: write.detail["mapping"].as_str().map(str::to_string),
        fields: fields_of(write).into_iter().map(decision).collect(),
        messages: messages_of(write),
        remarks: remarks.into_iter().flatten().filter_map(|one| one.as_str().map(str::to_string)).collect(),
    }
}

fn did(write: &WriteRecord) -> String {
    // Where nothing is said, it is the new desk.
    let place = if write.detail["at"] == "source" { " in the old desk" } else { "" };
    let text = |part: &str| write.detail[part].as_str().unwrap_or_default().to_string();
    match write.kind.as_str() {
        "create" => format!("make the new ticket, under the key {}", write.key),
        "fields" => format!("set fields{place}"),
        "message" => format!("add message {}{place}", messages_of(write).join(", ")),
        "restrict" => format!("{} ({}){place}", text("what"), text("message")),
        "note" => "add an internal note about links that have no place".to_string(),
        "link" if write.detail["add"] == false => format!("take away the link to {}", write.detail["link"]["target"]["to"]),
        "link" => format!("link it to {}", write.detail["link"]["target"]["to"]),
        "merge" => "merge it as the old ticket was merged".to_string(),
        "delete" => "delete it as the old ticket was deleted".to_string(),
        other => other.to_string(),
    }
}

/// The last write that brought what both desks agreed on last, if one did.
fn field_story(papers: &Papers<'_>, key: &FieldKey, field: &FieldBase) -> FieldStory {
    let history = papers.history;
    let lead = field.of(papers.pair.lead());
    // A tag of ours, or a status set again after a message, is not where the value came from.
    let repeats = |one: &FieldWrite| matches!(one.why, Reason::OurTag | Reason::Stands);
    let carries = |one: &FieldWrite| one.source == *key && one.lead == *lead && !repeats(one);
    let carried = |write: &WriteRecord| fields_of(write).into_iter().find(carries);
    let done = history.writes.iter().rev().filter(|write| write.state != "void");
    let found = done.filter_map(|write| Some((write, carried(write)?))).next();
    let into = papers.config.mapping.field(key).cloned();
    let (old, new) = (field.source.to_string(), field.target.to_string());
    let stands = dispute::of_value_that_stands(papers, key, lead);
    let story =
        |write: Option<i64>, from_events, at, why| FieldStory { field: key.clone(), into, old, new, write, from_events, at, why };
    match (found, stands) {
        (_, Some(conflict)) => {
            let why = format!("both desks had changed it: {}", dispute::outcome(conflict));
            story(None, Vec::new(), Some(conflict.found_at), why)
        }
        (Some((write, one)), None) => {
            let mut why = one.why.sentence().to_string();
            if field.flagged {
                why.push_str(&format!("; `{}` was written, and the new desk made this of it", one.intended));
            } else if field.unread {
                why.push_str("; it was not read back yet");
            }
            story(Some(write.id), causes(write, history), Some(write.prepared_at), why)
        }
        (None, None) => {
            story(None, Vec::new(), None, "both desks said the same when they were compared: no write was needed".to_string())
        }
    }
}
