//! Choosing the tickets of a rehearsal: a bounded look at the listing, some reads, and those that show the most.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::change::Hint;
use crate::connectors::contract::{Read, SourceDesk};
use crate::connectors::fault::Fault;
use crate::connectors::http::{Priority, at_priority};
use crate::desk::field::FieldKey;
use crate::desk::id::TicketId;
use crate::desk::scope::Scope;
use crate::desk::ticket::{Presence, Ticket};
use crate::ledger::sample::Chosen;

/// Pages of the listing that are looked at. It begins with the oldest tickets.
const PAGES: usize = 10;
/// So long ago the changes begin that are looked at besides, for the newest tickets of a large desk.
const RECENT: TimeDelta = TimeDelta::days(7);
/// For each ticket that is wanted so many are read, and so many at the most.
const READ_FOR_ONE: usize = 4;
const READ_AT_LEAST: usize = 60;
const READ_AT_MOST: usize = 400;
/// Reads at the same time.
const AT_ONCE: usize = 4;
/// What has to be there in each kind, the more telling first.
const KINDS: [(FieldKey, &str); 5] = [
    (FieldKey::Status, "status"),
    (FieldKey::Form, "form"),
    (FieldKey::Type, "type"),
    (FieldKey::Group, "group"),
    (FieldKey::Brand, "brand"),
];

/// What was chosen, and from what.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub chosen: Vec<Chosen>,
    /// Tickets that were listed, and those of them that were read.
    pub listed: usize,
    pub read: usize,
    /// The listing was looked at to its end.
    pub whole: bool,
}

/// Chooses up to `most` tickets that the mirror would carry. `now` is ours. Errors: the desk cannot be read.
pub async fn choose(source: &dyn SourceDesk, scope: &Scope, most: usize, now: DateTime<Utc>) -> Result<Look, Fault> {
    at_priority(Priority::Backfill, look(source, scope, most, now)).await
}

async fn look(source: &dyn SourceDesk, scope: &Scope, most: usize, now: DateTime<Utc>) -> Result<Look, Fault> {
    let mut listed: BTreeMap<TicketId, usize> = BTreeMap::new();
    let mut note = |hints: &[Hint]| {
        for hint in hints {
            let place = listed.len();
            listed.entry(hint.ticket.clone()).or_insert(place);
        }
    };
    let mut cursor = None;
    let mut whole = false;
    for _ in 0..PAGES {
        let page = source.list(cursor.as_ref()).await?;
        note(&page.hints);
        cursor = page.next;
        if cursor.is_none() {
            whole = true;
            break;
        }
    }
    if !whole {
        note(&source.changes(&source.cursor_at(now - RECENT), now).await?.hints);
    }
    let mut ids: Vec<(TicketId, usize)> = listed.into_iter().collect();
    ids.sort_by_key(|(_, place)| *place);
    let wanted = spread(ids.len(), (most * READ_FOR_ONE).clamp(READ_AT_LEAST, READ_AT_MOST));
    let some: Vec<TicketId> = wanted.map(|place| ids[place].0.clone()).collect();
    let tickets = read(source, &some).await?;
    let carried: Vec<Ticket> = tickets.into_iter().filter(|ticket| why_not(ticket, scope).is_none()).collect();
    Ok(Look { chosen: pick(&carried, most), listed: ids.len(), read: some.len(), whole })
}

/// The tickets that a person named. Errors: a sentence for each that cannot be in a sample, all at once.
pub async fn named(source: &dyn SourceDesk, scope: &Scope, ids: &[TicketId]) -> Result<Result<Vec<Chosen>, Vec<String>>, Fault> {
    let tickets = at_priority(Priority::Backfill, read(source, ids)).await?;
    let found: BTreeSet<&TicketId> = tickets.iter().map(|ticket| &ticket.id).collect();
    let missing = ids.iter().filter(|id| !found.contains(id)).map(|id| format!("the old desk does not show ticket {id}"));
    let not =
        tickets.iter().filter_map(|ticket| Some(format!("ticket {} is not carried: {}", ticket.id, why_not(ticket, scope)?)));
    let wrong: Vec<String> = missing.chain(not).collect();
    if !wrong.is_empty() {
        return Ok(Err(wrong));
    }
    Ok(Ok(tickets.iter().map(|ticket| chosen(ticket, "named by you".to_string())).collect()))
}

async fn read(source: &dyn SourceDesk, ids: &[TicketId]) -> Result<Vec<Ticket>, Fault> {
    let reads = stream::iter(ids).map(|id| source.read(id, None)).buffered(AT_ONCE);
    let found = |read| match read {
        Read::Found(ticket) | Read::Torn(ticket) => Some(*ticket),
        Read::Missing => None,
    };
    reads.try_filter_map(|read| std::future::ready(Ok(found(read)))).try_collect().await
}

/// Why a ticket would not be copied.
fn why_not(ticket: &Ticket, scope: &Scope) -> Option<String> {
    match &ticket.presence {
        Presence::Deleted => Some("it is deleted".to_string()),
        Presence::MergedInto(into) => Some(format!("it was merged into {into}")),
        Presence::Present => scope.includes(ticket).err(),
    }
}

/// Up to `most` places of `all`, evenly spread.
fn spread(all: usize, most: usize) -> impl Iterator<Item = usize> {
    let some = most.min(all);
    (0..some).map(move |number| number * all / some)
}

/// The most telling ones first, then one for each kind that is not shown yet, then others from the whole length of the list.
fn pick(tickets: &[Ticket], most: usize) -> Vec<Chosen> {
    let mut picked: Vec<(usize, Vec<String>)> = Vec::new();
    for (place, why) in extremes(tickets) {
        add(&mut picked, place, why, most);
    }
    for (key, word) in KINDS {
        let shows = |ticket: &Ticket| ticket.fields.get(&key).map(|value| value.words().join(", ")).filter(|it| !it.is_empty());
        let mut seen = BTreeSet::new();
        let shown = picked.iter().filter_map(|(place, _)| shows(&tickets[*place]));
        seen.extend(shown);
        for (place, ticket) in tickets.iter().enumerate() {
            if let Some(value) = shows(ticket)
                && seen.insert(value.clone())
            {
                add(&mut picked, place, format!("{word} {value}"), most);
            }
        }
    }
    let rest: Vec<usize> = (0..tickets.len()).filter(|place| !picked.iter().any(|(taken, _)| taken == place)).collect();
    for place in spread(rest.len(), most.saturating_sub(picked.len())) {
        add(&mut picked, rest[place], "one of the others".to_string(), most);
    }
    picked.into_iter().map(|(place, why)| chosen(&tickets[place], why.join("; "))).collect()
}

fn add(picked: &mut Vec<(usize, Vec<String>)>, place: usize, why: String, most: usize) {
    let room = picked.len() < most;
    match picked.iter_mut().find(|(taken, _)| *taken == place) {
        Some((_, whys)) => whys.push(why),
        None if room => picked.push((place, vec![why])),
        None => {}
    }
}

fn extremes(tickets: &[Ticket]) -> Vec<(usize, String)> {
    let most = |of: &dyn Fn(&Ticket) -> u64| {
        let counted = tickets.iter().enumerate().map(|(place, ticket)| (place, of(ticket)));
        // The first of equals, so that a second look chooses the same.
        counted.rev().max_by_key(|(_, count)| *count).filter(|(_, count)| *count > 0)
    };
    let file = |ticket: &Ticket| {
        ticket.messages.iter().flat_map(|message| &message.attachments).filter_map(|file| file.size).max().unwrap_or(0)
    };
    let found = [
        most(&|ticket| ticket.messages.len() as u64).map(|(place, n)| (place, format!("longest thread ({n} messages)"))),
        most(&file).map(|(place, n)| (place, format!("largest file ({n} bytes)"))),
        most(&|ticket| ticket.links.len() as u64).map(|(place, n)| (place, format!("most links ({n})"))),
    ];
    found.into_iter().flatten().collect()
}

fn chosen(ticket: &Ticket, why: String) -> Chosen {
    let hint = Hint {
        ticket: ticket.id.clone(),
        what: "chosen".to_string(),
        evidence: format!("sample:{}", ticket.id),
        least_stamp: None,
        feed_stamp: None,
        at: ticket.updated_at,
    };
    Chosen { hint, why }
}
