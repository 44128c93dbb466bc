//! Looks at some tickets outside of any run: those that a person names, and those whose verdicts do not stand any more.

use std::collections::BTreeMap;

use crate::ledger;
use crate::ledger::verdict::{Answer, Bar, NewVerdict};
use crate::mirror::PairId;
use crate::task;

use super::judge::Subject;
use super::parity::{Bench, CheckError, Options, Progress, Tell};
use super::report::{Report, Unjudged};
use super::sums::{difference, is_forgiven};
use super::walk::{PAGE, judge_all, settled, verdict};
use super::witness::Witness;

/// Judges pairs, keeps the verdicts, and returns them.
async fn judge_now(
    bench: &Bench<'_>,
    options: &Options,
    witness: &Witness<'_>,
    pairs: &[PairId],
) -> Result<Vec<NewVerdict>, CheckError> {
    let subjects = pairs.iter().copied().map(Subject::Pair).collect();
    let mut verdicts = Vec::new();
    for judged in judge_all(witness, options, subjects, &mut |_| {}).await {
        if let (Subject::Pair(pair), Some(judgement)) = (judged.subject, settled(judged.outcome)?) {
            verdicts.push(verdict(pair, (judged.seq, judged.calls), judgement));
        }
    }
    let (rules, version) = (bench.rules(), bench.mapping.version());
    let bar = Bar { mirror: bench.mirror, rules: &rules, mapping_version: &version, bytes: options.bytes };
    bench.ledger.keep_verdicts(&bar, None, &verdicts, bench.clock.now()).await?;
    Ok(verdicts)
}

/// Judges these pairs and reports on them alone.
pub async fn report(bench: &Bench<'_>, options: &Options, pairs: &[PairId]) -> Result<Report, CheckError> {
    let witness = Witness::new(bench, true);
    let mut report = Report::begin(bench.clock.now());
    for page in pairs.chunks(PAGE as usize) {
        for verdict in judge_now(bench, options, &witness, page).await? {
            match verdict.answer {
                Answer::Moving => report.moving.push(named(bench, &verdict).await?),
                Answer::Unread => report.unread.push(named(bench, &verdict).await?),
                Answer::Equal | Answer::Explained | Answer::Different => {}
            }
            add(&mut report, verdict);
        }
    }
    report.differences.retain(|one| options.kind.is_none_or(|kind| one.kind == kind));
    report.read = report.tickets;
    report.calls = witness.take_calls().into_iter().map(|(kind, count)| (kind.to_string(), count)).collect();
    report.finished_at = bench.clock.now();
    Ok(report)
}

/// A ticket without a verdict, by its numbers.
async fn named(bench: &Bench<'_>, verdict: &NewVerdict) -> ledger::Result<Unjudged> {
    let pair = bench.ledger.pair(verdict.pair).await?;
    Ok(Unjudged::of([pair.source_ticket, pair.target_ticket], verdict.why.clone().unwrap_or_default()))
}

fn add(report: &mut Report, verdict: NewVerdict) {
    report.tickets += 1;
    match verdict.answer {
        Answer::Equal => report.equal += 1,
        Answer::Explained => report.explained += 1,
        Answer::Different => report.different += 1,
        Answer::Moving | Answer::Unread => {}
    }
    (report.messages, report.attachments) = (report.messages + verdict.messages, report.attachments + verdict.attachments);
    report.bytes += verdict.bytes;
    if matches!(verdict.answer, Answer::Moving | Answer::Unread) {
        return;
    }
    let add = |to: &mut BTreeMap<String, u64>, (name, count): (String, u64)| *to.entry(name).or_default() += count;
    for (reason, count) in verdict.found.explained {
        let to = if is_forgiven(&reason) { &mut report.forgiven } else { &mut report.explanations };
        add(to, (reason, count));
    }
    verdict.found.kinds.into_iter().for_each(|kind| add(&mut report.kinds, kind));
    verdict.found.not_compared.into_iter().for_each(|field| add(&mut report.not_compared, field));
    report.differences.extend(verdict.found.differences.into_iter().filter_map(difference));
}

/// Judges what has no verdict that stands, or moved, or could not be read; in rounds, as long as a desk does not let itself be read. Those
/// that move are not waited for: with people at work they never end.
pub async fn stale(bench: &Bench<'_>, options: &Options, witness: &Witness<'_>, tell: Tell<'_>) -> Result<(), CheckError> {
    let rules = bench.rules();
    let measure = options.measure(bench.mirror, &rules);
    let mut now = Progress::default();
    for round in 0..=options.rounds {
        let mut page = bench.ledger.due_again(&measure, PairId(0), PAGE).await?;
        if page.is_empty() {
            break;
        }
        if round > 0 {
            task::delay(options.pause).await;
        }
        now.moving = 0;
        let mut unread = false;
        while let Some(last) = page.last().copied() {
            for verdict in judge_now(bench, options, witness, &page).await? {
                now.done += u64::from(round == 0);
                now.different += u64::from(verdict.answer == Answer::Different);
                now.moving += u64::from(matches!(verdict.answer, Answer::Moving | Answer::Unread));
                unread |= verdict.answer == Answer::Unread;
            }
            now.total = now.total.max(now.done);
            tell(now);
            page = bench.ledger.due_again(&measure, last, PAGE).await?;
        }
        if !unread {
            break;
        }
    }
    Ok(())
}
