//! Tickets that no pair stands for: those that the source lists and nobody told of, those that even its list leaves out, and
//! target tickets under our keys that the ledger does not know.

use crate::change::Cursor;
use crate::connectors::contract::{KeyedTicket, Read};
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::desk::ticket::Presence;
use crate::ledger::check_run::Stray;
use crate::ledger::verdict::Answer;
use crate::mirror::PairId;
use crate::task;

use super::case::Findings;
use super::judge::SHORT;
use super::parity::{CheckError, Trouble};
use super::report::Kind;
use super::walk::Walk;

/// A hole in the numbers that is wider than this is a leap of the desk's numbering, and not asked about.
const WIDEST: i64 = 10_000;
/// Holes that are taken from the ledger at once.
const GAPS: i64 = 100;
/// Numbers in one question.
const NUMBERS: usize = 100;

/// A list is asked for again for as long as the desk's limits leave no room for it.
macro_rules! patiently {
    ($question:expr) => {
        loop {
            match $question.await {
                Err(Fault::Throttled { retry_after, .. }) => task::delay(retry_after.unwrap_or(SHORT)).await,
                answer => break answer,
            }
        }
    };
}

/// Goes through the source's own list: tickets that no pair stands for, and tickets whose state there is not the one that was judged.
pub async fn listed(walk: &mut Walk<'_>) -> Result<(), CheckError> {
    let bench = walk.witness.bench;
    loop {
        let cursor = walk.place.cursor.clone().map(Cursor);
        walk.witness.count("lists");
        let page = patiently!(bench.source.list(cursor.as_ref()))?;
        let ids: Vec<&str> = page.hints.iter().map(|hint| hint.ticket.as_str()).collect();
        let unpaired = bench.ledger.unpaired(bench.mirror, &ids).await?;
        let stamps = page.hints.iter().filter_map(|hint| Some((hint.ticket.as_str(), hint.feed_stamp.as_deref()?)));
        let stamps: Vec<(&str, &str)> = stamps.collect();
        let otherwise = bench.ledger.seen_otherwise(bench.mirror, &stamps, walk.run.id).await?;
        walk.judge_pairs(otherwise, walk.place.cursor.clone()).await?;
        let next = page.next.filter(|next| cursor.as_ref() != Some(next));
        let goes_on = next.is_some();
        walk.judge_strays(unpaired, next.map(|next| next.0)).await?;
        if !goes_on {
            return Ok(());
        }
    }
}

/// Asks for the numbers between those of known tickets, where the desk counts its tickets: a list can leave one out.
pub async fn gaps(walk: &mut Walk<'_>) -> Result<(), CheckError> {
    let bench = walk.witness.bench;
    if !bench.source.capabilities().counts_tickets {
        return Ok(());
    }
    loop {
        let after = walk.place.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let holes = bench.ledger.gaps(bench.mirror, after, WIDEST, GAPS).await?;
        let numbers: Vec<i64> = holes.into_iter().flat_map(|(first, last)| first..=last).take(NUMBERS).collect();
        let Some(last) = numbers.last().map(ToString::to_string) else { return Ok(()) };
        let ids: Vec<TicketId> = numbers.into_iter().map(TicketId::new).collect();
        walk.witness.count("gaps");
        let there = patiently!(bench.source.shown(&ids))?;
        walk.judge_strays(there, Some(last)).await?;
    }
}

/// Goes through the target's tickets under our keys: second copies, and copies that the ledger does not know.
pub async fn keys(walk: &mut Walk<'_>) -> Result<(), CheckError> {
    let bench = walk.witness.bench;
    let prefix = bench.keys.ticket("", 0);
    let since = bench.ledger.mirror_made_at(bench.mirror).await?;
    loop {
        let cursor = walk.place.cursor.clone().map(Cursor);
        walk.witness.count("keys");
        let page = patiently!(bench.target.keyed(&prefix, since, cursor.as_ref()))?;
        let keyed: Vec<(&str, &str)> = page.tickets.iter().filter_map(|one| of_source(&prefix, one)).collect();
        let mut strays = Vec::new();
        for (target, source, pair) in bench.ledger.not_copies(bench.mirror, &keyed).await? {
            let outcome = loop {
                match copy(walk, &target, &source, pair).await {
                    Err(Trouble::Desk(Fault::Throttled { retry_after, .. })) => task::delay(retry_after.unwrap_or(SHORT)).await,
                    Err(Trouble::Desk(fault)) => return Err(fault.into()),
                    Err(Trouble::Ledger(error)) => return Err(error.into()),
                    Ok(outcome) => break outcome,
                }
            };
            strays.extend(outcome);
        }
        let next = page.next.filter(|next| cursor.as_ref() != Some(next));
        let goes_on = next.is_some();
        walk.keep_strays(strays, next.map(|next| next.0)).await?;
        if !goes_on {
            return Ok(());
        }
    }
}

/// The target ticket and the source ticket that its key names: `tidegate:<mirror>:t:<source>`, or with `:<part>`.
fn of_source<'a>(prefix: &str, one: &'a KeyedTicket) -> Option<(&'a str, &'a str)> {
    let source = one.key.strip_prefix(prefix)?.split(':').next()?;
    Some((one.ticket.as_str(), source))
}

/// Looks at a target ticket that is not the copy that its key says.
async fn copy(walk: &Walk<'_>, target: &TicketId, source: &TicketId, pair: Option<PairId>) -> Result<Option<Stray>, Trouble> {
    let bench = walk.witness.bench;
    let prefix = bench.keys.ticket("", 0);
    let of_source = |key: &str| key.strip_prefix(&prefix).and_then(|key| key.split(':').next()) == Some(source.as_str());
    let Read::Found(ticket) = walk.witness.read(Side::Target, target).await? else { return Ok(None) };
    let Some(key) = ticket.key.as_deref().filter(|key| of_source(key)) else { return Ok(None) };
    // Whoever copies a ticket may copy its key: what counts is what the look-up by key takes for ours.
    let is_ours = ticket.presence == Presence::Present && walk.witness.find_ticket(key).await?.contains(target);
    if ticket.id != *target || !is_ours {
        return Ok(None);
    }
    let stray = |answer, why: Option<&str>| Stray {
        side: Side::Target,
        ticket: target.clone(),
        answer,
        why: why.map(str::to_string),
        found: None,
    };
    let lane = match pair {
        Some(pair) => bench.ledger.lane_state(pair).await?,
        None => None,
    };
    if lane.is_some_and(|lane| !lane.blocked && !lane.is_clean()) {
        return Ok(Some(stray(Answer::Moving, Some("its source ticket is being worked on"))));
    }
    let mut findings = Findings::default();
    let what = match pair {
        Some(_) => format!("target ticket {target} stands for the same source ticket"),
        None => format!("target ticket {target} carries our key, and the ledger does not know its source ticket"),
    };
    findings.differ(Kind::Doubled, what, "", target.as_str());
    findings.name_tickets(Some(source), Some(target));
    let found = findings.differences.first().map(|difference| serde_json::json!(difference));
    Ok(Some(Stray { found, ..stray(Answer::Different, None) }))
}
