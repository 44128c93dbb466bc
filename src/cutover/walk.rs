//! A check on its way: stage by stage, a page of tickets at a time, each page kept before the next one is read. Memory holds one page.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::json;

use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::ledger::check_run::{CheckRun, Place, START, Stray};
use crate::ledger::due::Due;
use crate::ledger::verdict::{Answer, Bar, Found, Measure, NewVerdict, Seen};
use crate::mirror::PairId;
use crate::task;

use super::case::Findings;
use super::completeness;
use super::judge::{Judged, Judgement, Subject, Verdict, judge};
use super::parity::{Bench, CheckError, Options, Progress, Tell, Trouble, Which};
use super::report::KEPT_OF_ONE;
use super::witness::Witness;

/// Pairs that are judged between two commits.
pub const PAGE: i64 = 200;
/// Tickets without a pair that are looked at again.
const STRAYS: i64 = 1_000;

/// The stages, in their order, by the words that the ledger keeps.
const STAGES: [(&str, Stage); 6] = [
    (START, Stage::Count),
    ("listed", Stage::Listed),
    ("gaps", Stage::Gaps),
    ("keys", Stage::Keys),
    ("pairs", Stage::Pairs),
    ("again", Stage::Again),
];
const DONE: &str = "done";

/// What a check is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Count,
    /// The source's own list: tickets that nobody told of, and states that nobody told of.
    Listed,
    /// Numbers that the list leaves out.
    Gaps,
    /// Target tickets under our keys.
    Keys,
    Pairs,
    /// What moved.
    Again,
}

/// One check on its way.
pub struct Walk<'a> {
    pub witness: Witness<'a>,
    pub options: &'a Options,
    pub rules: String,
    pub run: CheckRun,
    pub place: Place,
    pub began: DateTime<Utc>,
    /// Tickets that were judged before this process went on.
    before: u64,
    now: Progress,
    tell: Tell<'a>,
}

impl<'a> Walk<'a> {
    /// Begins a check or goes on with one that was stopped.
    pub async fn begin(bench: &'a Bench<'a>, options: &'a Options, tell: Tell<'a>) -> Result<Walk<'a>, CheckError> {
        let rules = bench.rules();
        let which = match options.which {
            Which::Changed => "changed".to_string(),
            Which::All => "all".to_string(),
            Which::Sample(most) => format!("sample of {most}"),
        };
        let wish = json!([which, options.windows, options.bytes, options.completeness, rules]);
        let began = bench.clock.now();
        let run = bench.ledger.begin_check(bench.mirror, &wish, began).await?;
        let (place, before) = (run.place.clone(), run.place.done);
        let witness = Witness::new(bench, !options.looks_for_strays());
        Ok(Walk { witness, options, rules, run, place, began, before, now: Progress::default(), tell })
    }

    /// What its verdicts have to be to count in its report.
    pub fn measure(&self) -> Measure<'_> {
        let sampled = matches!(self.options.which, Which::Sample(_));
        Measure { run: sampled.then_some(self.run.id), ..self.everything() }
    }

    fn everything(&self) -> Measure<'_> {
        self.options.measure(self.run.mirror, &self.rules)
    }

    /// Judges pairs and keeps what was found; `cursor`: where the stage goes on afterwards.
    pub async fn judge_pairs(&mut self, pairs: Vec<PairId>, cursor: Option<String>) -> Result<(), CheckError> {
        let subjects = pairs.into_iter().map(Subject::Pair).collect();
        let mut verdicts = Vec::new();
        for judged in self.judge(subjects).await {
            let (seq, calls) = (judged.seq, judged.calls);
            let Subject::Pair(pair) = judged.subject else { continue };
            let Some(judgement) = settled(judged.outcome)? else { continue };
            verdicts.push(verdict(pair, (seq, calls), judgement));
        }
        self.advance(cursor);
        let bench = self.witness.bench;
        let version = bench.mapping.version();
        let bar = Bar { mirror: self.run.mirror, rules: &self.rules, mapping_version: &version, bytes: self.options.bytes };
        bench.ledger.keep_verdicts(&bar, Some((&self.run, &self.place)), &verdicts, bench.clock.now()).await?;
        Ok(())
    }

    /// Judges source tickets that no pair stands for, and keeps what was found.
    pub async fn judge_strays(&mut self, tickets: Vec<TicketId>, cursor: Option<String>) -> Result<(), CheckError> {
        let subjects = tickets.into_iter().map(Subject::Unpaired).collect();
        let (ledger, mirror) = (self.witness.bench.ledger, self.run.mirror);
        let mut strays = Vec::new();
        for judged in self.judge(subjects).await {
            let Subject::Unpaired(ticket) = judged.subject else { continue };
            match settled(judged.outcome)?.and_then(|judgement| stray(&ticket, judgement)) {
                Some(stray) => strays.push(stray),
                None => ledger.forget_stray(mirror, Side::Source, &ticket).await?,
            }
        }
        self.keep_strays(strays, cursor).await
    }

    /// Keeps tickets without a pair; `cursor` as for pairs.
    pub async fn keep_strays(&mut self, strays: Vec<Stray>, cursor: Option<String>) -> Result<(), CheckError> {
        self.advance(cursor);
        let bench = self.witness.bench;
        Ok(bench.ledger.keep_strays(&self.run, &self.place, &strays, bench.clock.now()).await?)
    }

    async fn judge(&mut self, subjects: Vec<Subject>) -> Vec<Judged> {
        let Walk { witness, options, place, now, tell, .. } = self;
        let mut done = |one: &Judged| {
            place.done = (place.done + 1).min(place.total);
            let verdict = one.outcome.as_ref().map(|judgement| &judgement.verdict);
            now.different += u64::from(matches!(verdict, Ok(Verdict::Different)));
            now.moving += u64::from(matches!(verdict, Ok(Verdict::Moving(_)) | Err(_)));
            (now.done, now.total) = (place.done, place.total);
            tell(*now);
        };
        judge_all(witness, options, subjects, &mut done).await
    }

    fn advance(&mut self, cursor: Option<String>) {
        self.place.cursor = cursor;
        for (kind, count) in self.witness.take_calls() {
            *self.place.calls.entry(kind.to_string()).or_default() += count;
        }
        let done = self.place.done.saturating_sub(self.before);
        let left = self.place.total.saturating_sub(self.place.done);
        let took = (self.witness.bench.clock.now() - self.began).num_milliseconds().unsigned_abs();
        let left = (took > 0).then(|| took.saturating_mul(left).checked_div(done)).flatten();
        let left = left.and_then(|left| TimeDelta::try_milliseconds(i64::try_from(left).ok()?));
        self.place.ends_at = left.and_then(|left| self.witness.bench.clock.now().checked_add_signed(left));
    }
}

/// Goes through all stages that are left, and ends the run.
pub async fn to_the_end(walk: &mut Walk<'_>) -> Result<(), CheckError> {
    let at = STAGES.iter().position(|(word, _)| *word == walk.place.stage).unwrap_or(0);
    let strays = walk.options.looks_for_strays();
    for (word, stage) in &STAGES[at..] {
        if walk.place.stage != *word {
            (walk.place.stage, walk.place.cursor) = (word.to_string(), None);
        }
        match stage {
            Stage::Count => count(walk).await?,
            Stage::Listed if strays => completeness::listed(walk).await?,
            Stage::Gaps if strays => completeness::gaps(walk).await?,
            Stage::Keys if strays => completeness::keys(walk).await?,
            Stage::Listed | Stage::Gaps | Stage::Keys => {}
            Stage::Pairs => pairs(walk).await?,
            Stage::Again => again(walk).await?,
        }
    }
    (walk.place.stage, walk.place.cursor) = (DONE.to_string(), None);
    walk.advance(None);
    let bench = walk.witness.bench;
    Ok(bench.ledger.finish_check(&walk.run, &walk.place, strays, bench.clock.now()).await?)
}

async fn count(walk: &mut Walk<'_>) -> Result<(), CheckError> {
    let ledger = walk.witness.bench.ledger;
    let all = walk.options.which != Which::Changed;
    let count = ledger.count_due(&walk.everything(), walk.run.id, all).await?;
    walk.place.total = match walk.options.which {
        Which::Sample(most) => count.min(most as u64),
        _ => count,
    };
    Ok(())
}

async fn pairs(walk: &mut Walk<'_>) -> Result<(), CheckError> {
    let ledger = walk.witness.bench.ledger;
    if let Which::Sample(most) = walk.options.which {
        let sample = ledger.spread(&walk.everything(), i64::try_from(most).unwrap_or(i64::MAX), walk.run.id).await?;
        for page in sample.chunks(PAGE as usize) {
            walk.judge_pairs(page.to_vec(), None).await?;
        }
        return Ok(());
    }
    loop {
        let after = walk.place.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        let due = Due { after: PairId(after), most: PAGE, run: walk.run.id, all: walk.options.which == Which::All };
        let page = ledger.due(&walk.everything(), due).await?;
        let Some(last) = page.last() else { return Ok(()) };
        let cursor = last.0.to_string();
        walk.judge_pairs(page, Some(cursor)).await?;
    }
}

/// What moved, changed since, or could not be read.
async fn again(walk: &mut Walk<'_>) -> Result<(), CheckError> {
    let ledger = walk.witness.bench.ledger;
    for _ in 0..walk.options.rounds {
        let mut page = ledger.due_again(&walk.measure(), PairId(0), PAGE).await?;
        let strays = match walk.options.looks_for_strays() {
            true => unsure(walk).await?,
            false => Vec::new(),
        };
        if page.is_empty() && strays.is_empty() {
            return Ok(());
        }
        walk.now.moving = 0;
        task::delay(walk.options.pause).await;
        while let Some(last) = page.last().copied() {
            walk.judge_pairs(page, None).await?;
            page = ledger.due_again(&walk.measure(), last, PAGE).await?;
        }
        walk.judge_strays(strays, None).await?;
    }
    Ok(())
}

async fn unsure(walk: &Walk<'_>) -> Result<Vec<TicketId>, CheckError> {
    let strays = walk.witness.bench.ledger.strays(walk.run.mirror, STRAYS).await?;
    let unsure = strays.into_iter().filter(|stray| stray.side == Side::Source && stray.answer != Answer::Different);
    Ok(unsure.map(|stray| stray.ticket).collect())
}

/// Judges some tickets at the same time, each told of as it is done.
pub async fn judge_all(
    witness: &Witness<'_>,
    options: &Options,
    subjects: Vec<Subject>,
    done: &mut (dyn FnMut(&Judged) + Send),
) -> Vec<Judged> {
    let mut judged = Vec::with_capacity(subjects.len());
    let mut waiting = subjects.into_iter();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < options.concurrency.max(1)
            && let Some(subject) = waiting.next()
        {
            running.push(judge(witness, options, subject));
        }
        let Some(one) = running.next().await else { return judged };
        done(&one);
        judged.push(one);
    }
}

/// A judgement; what cannot be read is one too. `None`: nothing to judge. Errors: what ends the whole check.
pub fn settled(outcome: Result<Judgement, Trouble>) -> Result<Option<Result<Judgement, String>>, CheckError> {
    match outcome {
        Ok(judgement) if judgement.verdict == Verdict::NothingToJudge => Ok(None),
        Ok(judgement) => Ok(Some(Ok(judgement))),
        Err(Trouble::Ledger(error)) => Err(error.into()),
        Err(Trouble::Desk(fault @ Fault::Unauthorised { .. })) => Err(fault.into()),
        Err(Trouble::Desk(fault)) => Ok(Some(Err(fault.to_string()))),
    }
}

fn answer(verdict: &Verdict) -> (Answer, Option<String>) {
    match verdict {
        Verdict::Equal => (Answer::Equal, None),
        Verdict::Explained => (Answer::Explained, None),
        Verdict::Moving(why) => (Answer::Moving, Some(why.clone())),
        Verdict::Different | Verdict::NothingToJudge => (Answer::Different, None),
    }
}

/// What is kept of a pair.
pub fn verdict(pair: PairId, (seq, calls): (i64, u64), judgement: Result<Judgement, String>) -> NewVerdict {
    let blank = NewVerdict {
        pair,
        answer: Answer::Unread,
        why: None,
        seen: Seen { seq, ..Seen::default() },
        found: Found::default(),
        messages: 0,
        attachments: 0,
        bytes: 0,
        calls,
    };
    match judgement {
        Err(why) => NewVerdict { why: Some(why), ..blank },
        Ok(Judgement { verdict, findings, seen, .. }) => {
            let (answer, why) = answer(&verdict);
            let Findings { messages, attachments, bytes, .. } = findings;
            NewVerdict { answer, why, seen, found: found(findings), messages, attachments, bytes, ..blank }
        }
    }
}

fn found(findings: Findings) -> Found {
    let mut found = Found::default();
    for difference in &findings.differences {
        let count = found.kinds.entry(difference.kind.word().to_string()).or_default();
        *count += 1;
        if *count <= KEPT_OF_ONE {
            found.differences.push(json!(difference));
        }
    }
    for reason in findings.explained {
        *found.explained.entry(reason.to_string()).or_default() += 1;
    }
    found.not_compared = findings.not_compared.into_iter().map(|field| (field, 1)).collect::<BTreeMap<_, _>>();
    found
}

/// What is kept of a source ticket without a pair; `None`: nothing.
fn stray(ticket: &TicketId, judgement: Result<Judgement, String>) -> Option<Stray> {
    let (answer, why, found) = match judgement {
        Err(why) => (Answer::Unread, Some(why), None),
        Ok(judgement) => {
            let (answer, why) = answer(&judgement.verdict);
            (answer, why, judgement.findings.differences.first().map(|difference| json!(difference)))
        }
    };
    let is_one = !matches!(answer, Answer::Equal | Answer::Explained);
    is_one.then(|| Stray { side: Side::Source, ticket: ticket.clone(), answer, why, found })
}
