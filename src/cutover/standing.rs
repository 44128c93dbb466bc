//! What may be said about a ticket while both desks are at work: nothing about one that moves.

use chrono::TimeDelta;

use crate::connectors::contract::Read;
use crate::desk::Side;
use crate::desk::ticket::Ticket;
use crate::ledger::check::LaneState;
use crate::ledger::pair::Pair;

use super::case::Findings;
use super::judge::Verdict;
use super::parity::Trouble;
use super::witness::Witness;

/// So long after a change its hint may still be on its way, where the feed does not tell that it was read further.
const HINT_TIME: TimeDelta = TimeDelta::minutes(10);

/// What may be said about what was found: nothing about a ticket at which somebody worked meanwhile.
pub async fn said(
    witness: &Witness<'_>,
    pair: &Pair,
    before: Option<LaneState>,
    read: Option<(&Ticket, Option<&Ticket>)>,
    found: &Findings,
) -> Result<Verdict, Trouble> {
    let ledger = witness.bench.ledger;
    let moving = |why: &str| Ok(Verdict::Moving(why.to_string()));
    let lead = pair.lead();
    let [leading, following] = match (read, lead) {
        (Some((source, target)), Side::Source) => [Some(source), target],
        (Some((source, target)), Side::Target) => [target, Some(source)],
        (None, _) => [None, None],
    };
    let fresh = match leading {
        Some(leading) if pair.stamp(lead) != Some(&leading.stamp) => is_fresh(witness, lead, leading).await?,
        _ => false,
    };
    // What people just wrote there may be on its way back.
    let fresh_there = match following {
        Some(following)
            if witness.bench.policy.carries_back(lead.other()) && pair.stamp(lead.other()) != Some(&following.stamp) =>
        {
            is_fresh(witness, lead.other(), following).await?
        }
        _ => false,
    };
    let after = ledger.lane_state(pair.id).await?;
    if before != after {
        return moving("it was worked on while it was compared");
    }
    if let Some(why) = found.moving {
        return moving(why);
    }
    let at_rest = after.is_some_and(|lane| lane.blocked || lane.is_clean());
    if !found.differences.is_empty() {
        return match () {
            () if !at_rest => moving("a change waits to be carried"),
            () if fresh || fresh_there => moving("it changed a moment ago"),
            () => Ok(Verdict::Different),
        };
    }
    if !at_rest && !reads_the_same(witness, read).await? {
        return moving("a change waits to be carried");
    }
    Ok(if found.explained.is_empty() { Verdict::Equal } else { Verdict::Explained })
}

/// Whether both tickets still have the stamps under which they were compared.
async fn reads_the_same(witness: &Witness<'_>, read: Option<(&Ticket, Option<&Ticket>)>) -> Result<bool, Trouble> {
    let Some((source, target)) = read else { return Ok(true) };
    let tickets = [(Side::Source, Some(source)), (Side::Target, target)];
    for (side, ticket) in tickets {
        if let Some(ticket) = ticket
            && !matches!(witness.read(side, &ticket.id).await?, Read::Found(now) if now.stamp == ticket.stamp)
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a ticket changed so lately that its hint may still be on its way.
pub async fn is_fresh(witness: &Witness<'_>, side: Side, ticket: &Ticket) -> Result<bool, Trouble> {
    let bench = witness.bench;
    let feed = bench.ledger.watermark(bench.mirror, side).await?;
    let read_past = feed.is_some_and(|feed| feed.seen_up_to > ticket.updated_at);
    Ok(!read_past && bench.clock.now() - ticket.updated_at < HINT_TIME)
}
