//! The check of a whole mirror: every pair is judged, those that moved are judged again, and what was found is added up.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::clock::Clock;
use crate::connectors::contract::Connector;
use crate::connectors::fault::Fault;
use crate::connectors::http::{Priority, at_priority};
use crate::desk::id::TicketId;
use crate::desk::mapping::Mapping;
use crate::desk::policy::Policy;
use crate::desk::scope::Scope;
use crate::ledger::{self, Ledger};
use crate::mirror::{KeySpace, MirrorId, PairId};
use crate::task;

use super::judge::{Judgement, Subject, Verdict, judge};
use super::report::{KEPT, Report, Unjudged};
use super::witness::Witness;

/// Pairs that are taken from the ledger at once.
const PAGE: i64 = 200;

/// A mirror and what it is judged by.
pub struct Bench<'a> {
    pub ledger: &'a Ledger,
    pub source: &'a dyn Connector,
    pub target: &'a dyn Connector,
    pub mapping: &'a Mapping,
    pub policy: &'a Policy,
    pub scope: &'a Scope,
    pub keys: &'a KeySpace,
    pub mirror: MirrorId,
    pub clock: Clock,
}

/// How thorough a check is.
#[derive(Debug, Clone)]
pub struct Options {
    /// Only about so many pairs, spread evenly.
    pub sample: Option<usize>,
    /// Files are compared by their bytes, not by name and size alone.
    pub bytes: bool,
    /// Tickets that are read at the same time.
    pub concurrency: usize,
    /// The source's own list is read for tickets that no pair stands for.
    pub completeness: bool,
    /// The target is asked for second tickets under our key: one call a ticket.
    pub doubles: bool,
    /// So often tickets are judged again that moved or could not be read.
    pub rounds: u32,
    /// The wait before each of these rounds.
    pub pause: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sample: None,
            bytes: true,
            concurrency: 8,
            completeness: true,
            doubles: true,
            rounds: 5,
            pause: Duration::from_secs(2),
        }
    }
}

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    pub done: u64,
    /// Pairs to be looked at, as known at the start.
    pub total: u64,
    pub different: u64,
    /// To be looked at again.
    pub moving: u64,
}

/// Why there is no report. A single ticket that cannot be read is no reason; it is in the report.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The credential is refused, or the list of tickets cannot be read.
    #[error(transparent)]
    Desk(#[from] Fault),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

/// What kept us from judging one ticket.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Desk(#[from] Fault),
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
}

/// Compares both desks ticket by ticket, at the lowest priority of the shared budget. Writes nothing.
pub async fn check(bench: &Bench<'_>, options: Options, progress: impl FnMut(Progress)) -> Result<Report, CheckError> {
    at_priority(Priority::Check, run(bench, &options, progress)).await
}

async fn run(bench: &Bench<'_>, options: &Options, progress: impl FnMut(Progress)) -> Result<Report, CheckError> {
    let witness = Witness::new(bench);
    let all = bench.ledger.count_pairs(bench.mirror).await?;
    let all = usize::try_from(all).unwrap_or(0);
    let step = options.sample.map_or(1, |most| all.div_ceil(most.max(1)).max(1));
    let total = all.div_ceil(step) as u64;
    let mut tally = Tally {
        report: Report { sampled: step > 1, ..Report::begin(bench.clock.now()) },
        now: Progress { total, ..Progress::default() },
        tell: progress,
        again: Vec::new(),
    };
    every_pair(&witness, options, step, &mut tally).await?;
    if options.completeness {
        every_listed(&witness, options, &mut tally).await?;
    }
    for _ in 0..options.rounds {
        let again: Vec<Subject> = std::mem::take(&mut tally.again).into_iter().map(|(subject, _)| subject).collect();
        if again.is_empty() {
            break;
        }
        tally.now.moving = 0;
        task::delay(options.pause).await;
        judge_all(&witness, options, again, &mut tally).await?;
    }
    Ok(tally.close(&witness, bench.clock.now()))
}

async fn every_pair<F: FnMut(Progress)>(
    witness: &Witness<'_>,
    options: &Options,
    step: usize,
    tally: &mut Tally<F>,
) -> Result<(), CheckError> {
    let bench = witness.bench;
    let (mut after, mut place) = (PairId(0), 0);
    loop {
        let page = bench.ledger.pairs_after(bench.mirror, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.id;
        let mut subjects = Vec::with_capacity(page.len());
        for pair in page {
            if place % step == 0 {
                subjects.push(Subject::Pair(pair.id));
            }
            place += 1;
        }
        judge_all(witness, options, subjects, tally).await?;
    }
}

/// Goes through the source's own list for tickets that nobody ever told us of.
async fn every_listed<F: FnMut(Progress)>(
    witness: &Witness<'_>,
    options: &Options,
    tally: &mut Tally<F>,
) -> Result<(), CheckError> {
    let bench = witness.bench;
    let mut cursor = None;
    loop {
        witness.count("lists");
        let page = bench.source.list(cursor.as_ref()).await?;
        let ids: Vec<&str> = page.hints.iter().map(|hint| hint.ticket.as_str()).collect();
        let unpaired: Vec<TicketId> = bench.ledger.unpaired(bench.mirror, &ids).await?;
        judge_all(witness, options, unpaired.into_iter().map(Subject::Unpaired).collect(), tally).await?;
        match page.next {
            Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
            _ => return Ok(()),
        }
    }
}

async fn judge_all<F: FnMut(Progress)>(
    witness: &Witness<'_>,
    options: &Options,
    subjects: Vec<Subject>,
    tally: &mut Tally<F>,
) -> Result<(), CheckError> {
    let mut waiting = subjects.into_iter();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < options.concurrency.max(1)
            && let Some(subject) = waiting.next()
        {
            running.push(judge(witness, options, subject));
        }
        match running.next().await {
            Some((subject, judgement)) => tally.take(subject, judgement)?,
            None => return Ok(()),
        }
    }
}

/// What was found so far.
struct Tally<F: FnMut(Progress)> {
    report: Report,
    now: Progress,
    tell: F,
    /// Moving or unread.
    again: Vec<(Subject, (bool, Unjudged))>,
}

impl<F: FnMut(Progress)> Tally<F> {
    fn take(&mut self, subject: Subject, judgement: Result<Judgement, Trouble>) -> Result<(), CheckError> {
        match judgement {
            Ok(judgement) => match judgement.verdict.clone() {
                Verdict::NothingToJudge => self.now.total = self.now.total.saturating_sub(u64::from(subject.is_pair())),
                Verdict::Moving(why) => self.later(subject, judgement.source, why, true),
                verdict => self.add(judgement, &verdict),
            },
            Err(Trouble::Ledger(error)) => return Err(error.into()),
            Err(Trouble::Desk(fault @ Fault::Unauthorised { .. })) => return Err(fault.into()),
            Err(Trouble::Desk(fault)) => {
                let name = subject.name();
                self.later(subject, name, fault.to_string(), false);
            }
        }
        (self.tell)(self.now);
        Ok(())
    }

    fn later(&mut self, subject: Subject, source_ticket: String, why: String, moving: bool) {
        self.now.moving += 1;
        self.again.push((subject, (moving, Unjudged { source_ticket, why })));
    }

    fn add(&mut self, judgement: Judgement, verdict: &Verdict) {
        let report = &mut self.report;
        let found = judgement.findings;
        self.now.done += 1;
        report.tickets += 1;
        match verdict {
            Verdict::Equal => report.equal += 1,
            Verdict::Explained => report.explained += 1,
            _ => {
                report.different += 1;
                self.now.different += 1;
            }
        }
        report.messages += found.messages;
        report.attachments += found.attachments;
        report.bytes += found.bytes;
        for reason in found.explained {
            *report.explanations.entry(reason).or_default() += 1;
        }
        for field in found.not_compared {
            *report.not_compared.entry(field).or_default() += 1;
        }
        for difference in found.differences {
            *report.kinds.entry(difference.kind.word()).or_default() += 1;
            report.differences.push(difference);
        }
        if report.differences.len() > 2 * KEPT {
            report.differences.sort_by_key(|difference| difference.kind);
            report.differences.truncate(KEPT);
        }
    }

    fn close(mut self, witness: &Witness<'_>, now: chrono::DateTime<chrono::Utc>) -> Report {
        self.report.tickets += self.again.len() as u64;
        for (_, (moving, ticket)) in self.again {
            if moving { self.report.moving.push(ticket) } else { self.report.unread.push(ticket) }
        }
        self.report.differences.sort_by(|a, b| (a.kind, &a.source_ticket).cmp(&(b.kind, &b.source_ticket)));
        self.report.differences.truncate(KEPT);
        self.report.calls = witness.calls();
        self.report.finished_at = now;
        self.report
    }
}
