//! Hydration: reading what is true now at both desks, and whether it shows what the hints promised.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::connectors::contract::Read;
use crate::connectors::http::CALL_LIMIT;
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::desk::mapping::Mapping;
use crate::desk::ticket::{Actor, Presence, Ticket, newer, number_of};
use crate::ledger::lane::Claim;
use crate::ledger::pair::{Pair, Promise};
use crate::merge::base::Base;
use crate::merge::digest;
use crate::task;

use super::course::Course;
use super::fate::{Fate, Result, park, unseen};
use super::remedy::backoff;

/// So often a desk may show less than promised before we believe it.
pub const DOUBT: i32 = 7;
/// So many times a desk has to stand by content that contradicts what it showed before under the same stamp.
const STANDS_BY: u32 = 3;
const BETWEEN_READS: Duration = Duration::from_millis(150);
/// So long a desk may answer with the state before its last change.
const READ_LAG: TimeDelta = TimeDelta::seconds(10);
/// So often a ticket may change while it is read before what was added to it is carried alone.
const RESTLESS: i32 = 3;

/// A ticket as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    pub ticket: Ticket,
    /// Otherwise it went on changing while it was read: what it shows may be carried, nothing else may be concluded from it.
    pub whole: bool,
}

/// Reads the leading ticket. Errors: `NotYet` while the desk shows an older state than the hints promise; `Unseen` when it
/// does not show the ticket at all and goes on doing so.
pub async fn lead(course: &Course, pair: &Pair, claim: &Claim, promise: &Promise) -> Result<Seen> {
    let side = pair.lead();
    let Some(id) = pair.ticket(side) else {
        return park(
            "no ticket",
            "the leading desk has no ticket for this pair",
            "Discard it, or remove and apply the mirror again.",
        );
    };
    let known = Known::of(pair, side);
    match read(course, id, known).await? {
        Read::Found(ticket) if claim.attempts < DOUBT && is_older(&ticket, known) => older(claim, side, &ticket),
        Read::Found(ticket) => {
            if claim.attempts < DOUBT && ticket.presence == Presence::Present && !shows(&ticket, promise) {
                return not_yet(claim, format!("{} ticket {id} does not show the change yet that was announced", side.as_str()));
            }
            Ok(Seen { ticket: *ticket, whole: true })
        }
        Read::Torn(ticket) => torn(claim, side, *ticket),
        Read::Missing if claim.attempts < DOUBT => {
            not_yet(claim, format!("the {} desk does not show ticket {id} (yet)", side.as_str()))
        }
        Read::Missing => unseen(
            side,
            format!("the {} desk does not show ticket {id}, and does not say that it was deleted", side.as_str()),
            "If it was deleted for good, discard this; if the credential lost the right to see it, give the right back and release it.",
        ),
    }
}

/// Reads the following ticket, following a merge that was made there. Errors as [`lead`].
pub async fn follow(course: &Course, pair: &Pair, claim: &Claim, promise: &Promise) -> Result<Option<Seen>> {
    let side = pair.lead().other();
    let Some(id) = pair.ticket(side) else { return Ok(None) };
    let mut seen = read_follow(course, id, Known::of(pair, side), claim).await?;
    if claim.attempts < DOUBT && seen.ticket.presence == Presence::Present && !shows(&seen.ticket, promise) {
        return not_yet(claim, format!("{} ticket {id} does not show the change yet that was announced", side.as_str()));
    }
    for _ in 0..5 {
        let Presence::MergedInto(root) = seen.ticket.presence.clone() else { break };
        seen = read_follow(course, &root, Known { side, stamp: None, shown: None }, claim).await?;
        // Merged there: the conversation goes on in the survivor, whose fields belong to another pair.
        seen.ticket.fields.clear();
    }
    Ok(Some(seen))
}

async fn read_follow(course: &Course, id: &TicketId, known: Known<'_>, claim: &Claim) -> Result<Seen> {
    let side = known.side;
    match read(course, id, known).await? {
        Read::Found(ticket) if claim.attempts < DOUBT && is_older(&ticket, known) => older(claim, side, &ticket),
        Read::Found(ticket) => Ok(Seen { ticket: *ticket, whole: true }),
        Read::Torn(ticket) => torn(claim, side, *ticket),
        Read::Missing if claim.attempts < DOUBT => {
            not_yet(claim, format!("the {} desk does not show ticket {id}", side.as_str()))
        }
        Read::Missing => unseen(
            side,
            format!("the {} desk does not show ticket {id}, which was mirrored before", side.as_str()),
            "If it was deleted there, discard this; if the credential lost the right to see it, give the right back and release it.",
        ),
    }
}

/// A torn read is tried again, and taken for what it shows when that does not end.
fn torn(claim: &Claim, side: Side, ticket: Ticket) -> Result<Seen> {
    if claim.attempts < RESTLESS || ticket.presence != Presence::Present {
        return not_yet(claim, format!("{} ticket {} changed each time while it was read", side.as_str(), ticket.id));
    }
    Ok(Seen { ticket, whole: false })
}

/// What the last whole read of a side showed: its newest change, and the digest of the rest.
#[derive(Debug, Clone, Copy)]
struct Known<'a> {
    side: Side,
    stamp: Option<&'a str>,
    shown: Option<&'a str>,
}

impl<'a> Known<'a> {
    fn of(pair: &'a Pair, side: Side) -> Self {
        let (stamp, shown) = match side {
            Side::Source => (&pair.source_stamp, &pair.source_shown),
            Side::Target => (&pair.target_stamp, &pair.target_shown),
        };
        Self { side, stamp: stamp.as_deref(), shown: shown.as_deref() }
    }

    /// The same stamp, and other content: the desk answered from an older state in one of the calls that a read takes.
    fn contradicts(&self, ticket: &Ticket) -> bool {
        self.stamp == Some(&ticket.stamp) && self.shown.is_some_and(|shown| shown != digest::of_ticket(ticket))
    }
}

/// Reads a ticket. Content that contradicts what was known is asked for again, and believed when the desk stands by it: a change
/// may have left no trace.
async fn read(course: &Course, id: &TicketId, known: Known<'_>) -> Result<Read> {
    let desk = course.desk(known.side);
    let mut last = desk.read(id, known.stamp).await?;
    for _ in 0..STANDS_BY {
        match &last {
            Read::Found(ticket) if known.contradicts(ticket) => task::delay(BETWEEN_READS).await,
            _ => break,
        }
        last = desk.read(id, known.stamp).await?;
    }
    Ok(last)
}

fn is_older(ticket: &Ticket, known: Known<'_>) -> bool {
    ticket.presence == Presence::Present && known.stamp.is_some_and(|known| newer(known, &ticket.stamp))
}

fn older<T>(claim: &Claim, side: Side, ticket: &Ticket) -> Result<T> {
    not_yet(claim, format!("{} ticket {} is shown in an older state than was seen before", side.as_str(), ticket.id))
}

/// A desk does not show yet what is needed: again later.
pub fn not_yet<T>(claim: &Claim, why: String) -> Result<T> {
    Err(Fate::NotYet { after: backoff(claim.attempts, CALL_LIMIT), why })
}

fn shows(ticket: &Ticket, promise: &Promise) -> bool {
    let strong = match &promise.least_stamp {
        Some(least) => match (number_of(least), number_of(&ticket.stamp)) {
            (Some(least), Some(stamp)) => stamp >= least,
            _ => true,
        },
        None => true,
    };
    strong && promise.at.is_none_or(|at| at.timestamp() <= ticket.updated_at.timestamp())
}

/// Whether the read came so soon after the change that it may lack another change of the same second: one that was made after the
/// read, or one that the desk does not show to everybody yet.
pub fn too_soon(ticket: &Ticket, read_at: DateTime<Utc>) -> bool {
    read_at - ticket.updated_at < READ_LAG
}

/// Takes what the desk that was written to holds now as the base of fields that were written and not read back, unless a person
/// changed them since: then what we wrote stays the base, so that the person's value is known as theirs.
pub fn resolve_unread(base: &mut Base, (written, ticket): (Side, &Ticket), mapping: &Mapping) {
    for (key, field) in base.fields.iter_mut().filter(|(_, field)| field.unread) {
        let there = mapping.field_at(written, key);
        let Some((there, now)) = there.and_then(|there| Some((there, ticket.fields.get(there)?))) else { continue };
        let shows_write = field.written_after.as_deref().is_none_or(|stamp| newer(&ticket.stamp, stamp));
        if now != field.of(written) && !shows_write {
            // An older state than our own write: what we meant stays the base until a newer one is seen.
            continue;
        }
        let by_person = ticket.acts.iter().any(|act| {
            act.by == Actor::Person
                && act.fields.contains(there)
                && field.written_after.as_deref().is_none_or(|stamp| newer(&act.id, stamp))
        });
        if !by_person {
            field.flagged = now != field.of(written);
            field.put(written, now.clone());
        }
        field.unread = false;
        field.written_after = None;
    }
}
