//! The report of a check, added up by the ledger from the verdicts that stand.

use serde_json::Value as Json;

use crate::desk::Side;
use crate::ledger::check_run::Stray;
use crate::ledger::verdict::{Answer, Measure, Sum};
use crate::ledger::{self, Ledger};
use crate::mirror::MirrorId;

use super::parity::Which;
use super::report::{Acceptance, Difference, KEPT, Kind, Report, Unjudged};
use super::walk::Walk;
use super::{fields, files, links, presence};

/// Tickets without a pair that are read for a report about all kinds.
pub const STRAYS: i64 = 10_000;

/// What a finished walk has to report.
pub async fn report(walk: &Walk<'_>) -> ledger::Result<Report> {
    let bench = walk.witness.bench;
    let mut report = Report {
        finished_at: bench.clock.now(),
        sampled: matches!(walk.options.which, Which::Sample(_)),
        resumed: walk.run.resumed,
        read: walk.place.done,
        calls: walk.place.calls.clone(),
        ..Report::begin(walk.run.started_at)
    };
    add_pairs(&mut report, bench.ledger, &walk.measure()).await?;
    let (kinds, most, strays) = match walk.options.kind {
        Some(kind) => (vec![kind], usize::MAX, i64::MAX),
        None => (Kind::ALL.to_vec(), KEPT, STRAYS),
    };
    if walk.options.looks_for_strays() {
        add_strays(&mut report, bench.ledger, bench.mirror, strays).await?;
    }
    let stored: Vec<&str> = kinds.iter().map(|kind| kind.stored()).collect();
    let of_pairs = bench.ledger.differences(&walk.measure(), &stored, i64::try_from(most).unwrap_or(i64::MAX)).await?;
    report.differences.retain(|one| kinds.contains(&one.kind));
    report.differences.extend(of_pairs.into_iter().filter_map(difference));
    report.differences.sort_by(|a, b| (a.kind, &a.source_ticket).cmp(&(b.kind, &b.source_ticket)));
    report.differences.truncate(most);
    Ok(report)
}

/// Adds the verdicts on pairs that stand, but for the differences one by one.
pub async fn add_pairs(report: &mut Report, ledger: &Ledger, measure: &Measure<'_>) -> ledger::Result<()> {
    let standing = ledger.standing(measure).await?;
    (report.equal, report.explained, report.different) = (standing.equal, standing.explained, standing.different);
    report.accepted = standing.accepted;
    report.acceptances = ledger.accepted_differences(measure).await?.into_iter().map(Acceptance::from).collect();
    report.probes = ledger.count_probes(measure.mirror).await?;
    (report.messages, report.attachments, report.bytes) = (standing.messages, standing.attachments, standing.bytes);
    report.stale = standing.stale + standing.never;
    report.tickets = report.stale
        + standing.moving
        + standing.unread
        + standing.equal
        + standing.explained
        + standing.different
        + standing.accepted;
    report.kinds = ledger.sum(measure, Sum::Kinds).await?;
    report.not_compared = ledger.sum(measure, Sum::NotCompared).await?;
    let explained = ledger.sum(measure, Sum::Explained).await?;
    (report.forgiven, report.explanations) = explained.into_iter().partition(|(reason, _)| is_forgiven(reason));
    for (answer, list) in [(Answer::Moving, &mut report.moving), (Answer::Unread, &mut report.unread)] {
        let unjudged = ledger.unjudged(measure, answer, KEPT as i64).await?;
        list.extend(unjudged.into_iter().map(|(numbers, why)| Unjudged::of(numbers, why)));
    }
    Ok(())
}

/// Adds up to `most` tickets that no pair stands for.
pub async fn add_strays(report: &mut Report, ledger: &Ledger, mirror: MirrorId, most: i64) -> ledger::Result<()> {
    let [_, _, accepted] = ledger.count_strays(mirror, None).await?;
    (report.tickets, report.accepted) = (report.tickets + accepted, report.accepted + accepted);
    for Stray { side, ticket, answer, why, found } in ledger.strays(mirror, most).await? {
        report.tickets += 1;
        let numbers = if side == Side::Source { [Some(ticket), None] } else { [None, Some(ticket)] };
        let unjudged = Unjudged::of(numbers, why.unwrap_or_default());
        match answer {
            Answer::Moving => report.moving.push(unjudged),
            Answer::Unread => report.unread.push(unjudged),
            Answer::Equal | Answer::Explained | Answer::Different => {
                report.different += 1;
                let found = found.and_then(difference);
                found.iter().for_each(|one| *report.kinds.entry(one.kind.word().to_string()).or_default() += 1);
                report.differences.extend(found);
            }
        }
    }
    Ok(())
}

/// A difference as the ledger kept it.
pub fn difference(json: Json) -> Option<Difference> {
    serde_json::from_value(json).ok()
}

/// Whether an explanation is that the target cannot hold it, and not a record or somebody's hand.
pub fn is_forgiven(reason: &str) -> bool {
    let all: [&[&str]; 4] = [&fields::FORGIVEN, &files::FORGIVEN, &links::FORGIVEN, &presence::FORGIVEN];
    all.concat().contains(&reason)
}
