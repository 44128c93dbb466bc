//! Repairs: what differs is sent through the normal path again, when an operator says so. Nothing that moves, and nothing about which
//! only a person can tell what is right.

use serde::Serialize;

use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::ledger;
use crate::ledger::check_run::Stray;
use crate::ledger::repair::Mend;
use crate::ledger::ruling::PutBack;
use crate::ledger::verdict::Answer;
use crate::mirror::PairId;

use super::parity::{Bench, Options};
use super::report::{Difference, Remedy};
use super::sums::difference;
use super::walk::PAGE;

/// Tickets without a pair that are sent at most.
const STRAYS: i64 = 100_000;

/// What was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Repaired {
    /// Tickets that are sent through the normal path.
    pub tickets: u64,
    /// Differences of theirs that this is for.
    pub differences: u64,
    /// Differences that a person has to mend.
    pub by_hand: u64,
    /// Tickets that changed since they were compared, or wait for a person: nothing was ordered for them.
    pub moved: u64,
}

/// Orders the repair of all that differs by verdicts that stand, or of these pairs alone.
pub async fn repair(bench: &Bench<'_>, options: &Options, only: Option<&[PairId]>, by: &str) -> ledger::Result<Repaired> {
    let rules = bench.rules();
    let measure = options.measure(bench.mirror, &rules);
    let mut done = Repaired::default();
    let mut after = PairId(0);
    loop {
        let page = bench.ledger.different_after(&measure, after, PAGE).await?;
        let Some((last, ..)) = page.last() else { break };
        after = *last;
        for (pair, pending, found) in page {
            if only.is_none_or(|only| only.contains(&pair)) {
                let differences: Vec<Difference> = found.into_iter().filter_map(difference).collect();
                repair_one(bench, (pair, pending), &differences, by, &mut done).await?;
            }
        }
    }
    if only.is_none() && options.windows.is_none() {
        carry_strays(bench, &mut done).await?;
    }
    Ok(done)
}

async fn repair_one(
    bench: &Bench<'_>,
    pair: (PairId, i64),
    differences: &[Difference],
    by: &str,
    done: &mut Repaired,
) -> ledger::Result<()> {
    let by_hand = differences.iter().filter(|one| one.remedy == Remedy::ByHand).count() as u64;
    let mended = differences.len() as u64 - by_hand;
    done.by_hand += by_hand;
    if mended == 0 {
        return Ok(());
    }
    if bench.ledger.order_repair(pair, &mend(differences), by, bench.clock.now()).await? {
        done.tickets += 1;
        done.differences += mended;
    } else {
        done.moved += 1;
    }
    Ok(())
}

fn mend(differences: &[Difference]) -> Mend {
    let mut mend = Mend::default();
    for difference in differences {
        match difference.remedy.clone() {
            Remedy::ByHand | Remedy::Look => {}
            Remedy::Write { field, held, value } => mend.fields.push(PutBack { field, held, value }),
            Remedy::Say { message } => mend.say.push(message),
            Remedy::Hide { message } => mend.hide.push(message),
            Remedy::Link { link } => mend.links.push(link),
        }
    }
    mend
}

/// Source tickets that nobody told of are carried; what is wrong with the target's is for a person.
async fn carry_strays(bench: &Bench<'_>, done: &mut Repaired) -> ledger::Result<()> {
    let strays = bench.ledger.strays(bench.mirror, STRAYS).await?;
    let (missing, others): (Vec<Stray>, Vec<Stray>) =
        strays.into_iter().filter(|stray| stray.answer == Answer::Different).partition(|stray| stray.side == Side::Source);
    done.by_hand += others.len() as u64;
    let missing: Vec<TicketId> = missing.into_iter().map(|stray| stray.ticket).collect();
    for some in missing.chunks(PAGE as usize) {
        let ordered = bench.ledger.order_looks(bench.mirror, some, bench.clock.now()).await?;
        done.tickets += ordered;
        done.differences += ordered;
    }
    Ok(())
}
