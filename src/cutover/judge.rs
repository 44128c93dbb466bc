//! The verdict on one ticket: what is read, in which order, and whether what was found may be said.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::connectors::contract::Read;
use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::desk::id::TicketId;
use crate::desk::ticket::{Actor, Message, Presence, Ticket};
use crate::ledger::check::{LaneState, MessageRecord, PairRecord};
use crate::ledger::pair::Pair;
use crate::ledger::verdict::Seen;
use crate::mirror::PairId;
use crate::task;

use super::case::{Case, Findings};
use super::parity::{Options, Trouble};
use super::presence::{self, Rest};
use super::report::{Kind, Remedy};
use super::standing::{is_fresh, said};
use super::thread::{self, Way};
use super::witness::{Pool, Witness};
use super::{family, fields, files, links};

/// So often a ticket is tried again for which the desks' limits leave no room; each time after the wait that they ask for.
const PATIENCE: u32 = 60;
/// The wait where they name none.
pub const SHORT: Duration = Duration::from_secs(1);
const OUTSIDE: &str = "the ticket does not belong to the mirror";
const GONE_FOR_GOOD: &str = "deleted at the source, which does not show it any more";

/// What is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Pair(PairId),
    /// A source ticket that no pair stands for.
    Unpaired(TicketId),
}

/// One of the four answers, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Equal,
    Explained,
    /// Newer than what was compared, and why that is known.
    Moving(String),
    Different,
    /// A ticket that is not the mirror's business.
    NothingToJudge,
}

/// What was found about a ticket, and what may be said about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub findings: Findings,
    /// The state that it is about.
    pub seen: Seen,
}

/// What became of one subject.
#[derive(Debug)]
pub struct Judged {
    pub subject: Subject,
    /// The lane's `pending` before the first read; 0 without a lane.
    pub seq: i64,
    /// Questions asked of the desks.
    pub calls: u64,
    pub outcome: Result<Judgement, Trouble>,
}

/// Judges one ticket, and waits where the desks' limits leave no room for it.
pub async fn judge(witness: &Witness<'_>, options: &Options, subject: Subject) -> Judged {
    let witness = witness.for_one();
    let mut waits = 0;
    loop {
        let (seq, outcome) = judge_now(&witness, options, &subject).await;
        match outcome {
            Err(Trouble::Desk(Fault::Throttled { retry_after, .. })) if waits < PATIENCE => {
                waits += 1;
                task::delay(retry_after.unwrap_or(SHORT)).await;
            }
            outcome => return Judged { subject, seq, calls: witness.asked(), outcome },
        }
    }
}

async fn judge_now(witness: &Witness<'_>, options: &Options, subject: &Subject) -> (i64, Result<Judgement, Trouble>) {
    match subject {
        Subject::Pair(id) => match witness.bench.ledger.lane_state(*id).await {
            Ok(lane) => (lane.map_or(0, |lane| lane.pending), judge_pair(witness, options, *id, lane).await),
            Err(error) => (0, Err(error.into())),
        },
        Subject::Unpaired(ticket) => (0, judge_unpaired(witness, ticket).await),
    }
}

async fn judge_unpaired(witness: &Witness<'_>, id: &TicketId) -> Result<Judgement, Trouble> {
    let bench = witness.bench;
    let mut findings = Findings::default();
    let verdict = match witness.read(Side::Source, id).await? {
        Read::Found(ticket)
            if ticket.presence != Presence::Present
                || bench.scope.includes(&ticket).is_err()
                || ticket.key.as_deref().is_some_and(|key| bench.keys.is_probe(key)) =>
        {
            Verdict::NothingToJudge
        }
        Read::Found(ticket) => {
            let known = bench.ledger.pair_of_source(bench.mirror, id).await?.is_some();
            if known || is_fresh(witness, Side::Source, &ticket).await? {
                Verdict::Moving("it was just made".to_string())
            } else {
                findings.differ(Kind::MissingTicket, "nobody told the gateway of this ticket", "", "");
                findings.mend(Remedy::Look);
                findings.name_tickets(Some(id), None);
                Verdict::Different
            }
        }
        Read::Torn(_) => Verdict::Moving("it changed each time while it was read".to_string()),
        Read::Missing => Verdict::NothingToJudge,
    };
    Ok(Judgement { verdict, findings, seen: Seen::default() })
}

async fn judge_pair(
    witness: &Witness<'_>,
    options: &Options,
    id: PairId,
    before: Option<LaneState>,
) -> Result<Judgement, Trouble> {
    let bench = witness.bench;
    let mut seen = Seen { seq: before.map_or(0, |lane| lane.pending), ..Seen::default() };
    let pair = bench.ledger.pair(id).await?;
    let mut findings = Findings::default();
    let Some(source_id) = pair.source_ticket.clone().filter(|_| pair.state != "outside") else {
        let verdict = judge_birth(witness, &pair, before, &mut findings).await?;
        return Ok(Judgement { verdict, findings, seen });
    };
    let read = match pair.lead() {
        Side::Source => witness.read(Side::Source, &source_id).await?,
        Side::Target => witness.follow(Side::Source, &source_id).await?,
    };
    let verdict = match read {
        Read::Torn(_) => Verdict::Moving("it changed each time while it was read".to_string()),
        Read::Missing => {
            if pair.state == "deleted" {
                findings.explain(GONE_FOR_GOOD);
            } else {
                findings.differ(Kind::Presence, "the source does not show the ticket, and does not say why", "", "");
            }
            said(witness, &pair, before, None, &findings).await?
        }
        Read::Found(source) => {
            let target = compare(witness, options, &pair, &source, &mut findings).await?;
            seen.source_stamp = Some(source.stamp.clone());
            seen.source_feed_stamp = source.feed_stamp.clone();
            seen.target_stamp = target.as_ref().map(|target| target.stamp.clone());
            said(witness, &pair, before, Some((&source, target.as_ref())), &findings).await?
        }
    };
    note_parked(witness, &pair, &mut findings).await?;
    findings.name_tickets(Some(&source_id), pair.target_ticket.as_ref());
    Ok(Judgement { verdict, findings, seen })
}

/// A ticket that people made in the target, and that the source does not have.
async fn judge_birth(
    witness: &Witness<'_>,
    pair: &Pair,
    before: Option<LaneState>,
    found: &mut Findings,
) -> Result<Verdict, Trouble> {
    let Some(id) = pair.target_ticket.as_ref().filter(|_| pair.state == "new") else { return Ok(Verdict::NothingToJudge) };
    match witness.read(Side::Target, id).await? {
        Read::Found(ticket) if ticket.presence == Presence::Present => {
            found.differ(Kind::MissingTicket, "made in the new desk, and not carried to the old one", "", id.as_str());
            found.mend(Remedy::Look);
        }
        _ => return Ok(Verdict::NothingToJudge),
    }
    found.name_tickets(None, Some(id));
    said(witness, pair, before, None, found).await
}

/// A difference of a ticket that waits for a person says so.
async fn note_parked(witness: &Witness<'_>, pair: &Pair, findings: &mut Findings) -> Result<(), Trouble> {
    if findings.differences.is_empty() {
        return Ok(());
    }
    let parked = witness.bench.ledger.pair_record(pair).await?.parked;
    if !parked.is_empty() {
        let kinds = parked.into_iter().collect::<Vec<_>>().join(", ");
        findings.differences.iter_mut().for_each(|difference| difference.what.push_str(&format!(" (parked: {kinds})")));
    }
    Ok(())
}

/// Compares the source ticket with its target, which is returned as it was read.
async fn compare(
    witness: &Witness<'_>,
    options: &Options,
    pair: &Pair,
    source: &Ticket,
    found: &mut Findings,
) -> Result<Option<Ticket>, Trouble> {
    let bench = witness.bench;
    let record = bench.ledger.pair_record(pair).await?;
    let Some(target) = target_of(witness, pair, source, found).await? else { return Ok(None) };
    let people = witness.people_of(source).await?;
    let lead = pair.lead();
    let leading = if lead == Side::Source { source } else { &target };
    let ends = witness.ends_of(lead, leading).await?;
    let absent = if lead == Side::Target { witness.absent_of(&target).await? } else { BTreeSet::new() };
    let case = Case {
        lead,
        pair,
        record: &record,
        source,
        target: &target,
        source_can: witness.capabilities(Side::Source),
        target_can: witness.capabilities(Side::Target),
        mapping: bench.mapping,
        policy: bench.policy,
        keys: bench.keys,
        people: &people,
        ends: &ends,
        absent: &absent,
    };
    let mut pool = witness.pool(&target).await?;
    let root = match &leading.presence {
        Presence::MergedInto(root) => ends.get(root),
        Presence::Present | Presence::Deleted => None,
    };
    let rest = presence::compare(&case, root, &pool.survivors, found);
    if rest == Rest::Everything {
        fields::compare(&case, found);
        links::compare(&case, found);
        compare_key(&case, found);
    }
    if rest != Rest::Nothing {
        let both_ways = rest == Rest::Everything;
        let all = conversation(witness, &case, (&mut pool, both_ways), found).await?;
        compare_files(witness, &all, options.bytes, found).await?;
    }
    if witness.asks_keys {
        second_tickets(witness, &case, &pool, found).await?;
    }
    Ok(Some(target))
}

/// The pair's target ticket as it is; what is to be said without it is said.
async fn target_of(witness: &Witness<'_>, pair: &Pair, source: &Ticket, found: &mut Findings) -> Result<Option<Ticket>, Trouble> {
    let Some(id) = &pair.target_ticket else {
        uncarried(witness, pair, source, found).await?;
        return Ok(None);
    };
    match witness.read(Side::Target, id).await? {
        Read::Found(target) => return Ok(Some(*target)),
        Read::Torn(_) => found.moving = Some("the target ticket changed each time while it was read"),
        Read::Missing => {
            found.differ(Kind::MissingTicket, "the target does not show the ticket, and does not say why", "", "");
        }
    }
    Ok(None)
}

async fn compare_files(witness: &Witness<'_>, all: &[thread::Files], bytes: bool, found: &mut Findings) -> Result<(), Fault> {
    for files in all {
        files::compare(witness, files, bytes, found).await?;
    }
    Ok(())
}

async fn uncarried(witness: &Witness<'_>, pair: &Pair, source: &Ticket, found: &mut Findings) -> Result<(), Trouble> {
    let bench = witness.bench;
    if source.presence == Presence::Deleted {
        return Ok(());
    }
    if let Presence::MergedInto(root) = &source.presence {
        let links = links_of(witness, pair, source, &[]).await?;
        let own = thread::written_at(Side::Source, &source.messages, &links, bench.keys);
        let all = own.iter().all(|message| links.iter().any(|link| link.born == Side::Source && link.original == message.id));
        let carried = bench.ledger.root_of(bench.mirror, Side::Source, root).await?.is_some();
        if !all && carried {
            found.differ(Kind::MissingMessage, "merged at the source before it was carried, and its messages were not", "", "");
            found.mend(Remedy::Look);
        }
        return Ok(());
    }
    match bench.scope.includes(source) {
        Ok(()) => {
            found.differ(Kind::MissingTicket, "the ticket was not carried", "", "");
            found.mend(Remedy::Look);
        }
        Err(_) => found.explain(OUTSIDE),
    }
    Ok(())
}

async fn links_of(witness: &Witness<'_>, pair: &Pair, source: &Ticket, pool: &[Message]) -> Result<Vec<MessageRecord>, Trouble> {
    let bench = witness.bench;
    let prefix = bench.keys.message(Side::Source, "");
    let ids = source.messages.iter().map(|message| message.id.as_str());
    let ids: Vec<&str> = ids.chain(pool.iter().filter_map(|message| thread::source_of(&prefix, message))).collect();
    let there: Vec<&str> = pool.iter().map(|message| message.id.as_str()).collect();
    Ok(bench.ledger.message_records(bench.mirror, pair.id, [&ids, &there]).await?)
}

async fn conversation(
    witness: &Witness<'_>,
    case: &Case<'_>,
    (pool, both_ways): (&mut Pool, bool),
    found: &mut Findings,
) -> Result<Vec<thread::Files>, Trouble> {
    let mut links = links_of(witness, case.pair, case.source, &pool.messages).await?;
    if !thread::is_whole(case.source, &links, &pool.messages) {
        let PairRecord { formers, absorbed, .. } = case.record;
        witness.widen(pool, formers).await?;
        witness.widen(pool, absorbed).await?;
        links = links_of(witness, case.pair, case.source, &pool.messages).await?;
    }
    family::join(witness, (Side::Target, &pool.messages), &pool.seen, &mut links).await?;
    let own = case.record.absorbed_here.iter().chain([&case.source.id]).cloned().collect();
    family::join(witness, (Side::Source, &case.source.messages), &own, &mut links).await?;
    let way = Way {
        born: Side::Source,
        keys: case.keys,
        author_line: case.policy.author_line,
        people: case.people,
        authors: &[],
        originals: originals_here(case, &links),
        stays: &BTreeSet::new(),
        links: &links,
        by_people: case.target.acts.iter().any(|act| act.by == Actor::Person),
        pool: &pool.messages,
        ours_too: both_ways && !carries_back(case),
    };
    let mut files = thread::compare(&way, found);
    if both_ways {
        files.extend(answers(witness, case, (pool, &links), found).await?);
    }
    Ok(files)
}

/// What was written at the source. Where it was merged because the target was, the words that the vendor put there are ours.
fn originals_here<'a>(case: &'a Case<'_>, links: &[MessageRecord]) -> Vec<&'a Message> {
    let mut originals = thread::written_at(Side::Source, &case.source.messages, links, case.keys);
    let by_us = case.lead == Side::Target && matches!(case.source.presence, Presence::MergedInto(_));
    originals.retain(|message| !(by_us && message.ours));
    originals
}

/// Whether what is written at the target has to be at the source.
fn carries_back(case: &Case<'_>) -> bool {
    case.lead == Side::Target || case.policy.writes_back()
}

/// What was written at the target. As long as nothing of it is to go to the source, only what went there before is compared.
async fn answers(
    witness: &Witness<'_>,
    case: &Case<'_>,
    (pool, links): (&Pool, &[MessageRecord]),
    found: &mut Findings,
) -> Result<Vec<thread::Files>, Trouble> {
    let mut originals = thread::written_at(Side::Target, &pool.messages, links, case.keys);
    if !carries_back(case) {
        originals.retain(|message| links.iter().any(|link| link.born == Side::Target && link.original == message.id));
    }
    if originals.is_empty() {
        return Ok(Vec::new());
    }
    let people = witness.authors_of(case.target, &originals).await?;
    // Copies that were made before a merge may still stand in the ticket that was merged.
    let mut here = case.source.messages.clone();
    let gone = |link: &MessageRecord| {
        let copy = link.copy.as_ref().filter(|_| link.born == Side::Target);
        copy.is_some_and(|copy| !here.iter().any(|message| message.id == *copy))
    };
    if links.iter().any(gone) {
        here.extend(witness.messages_of(Side::Source, &case.record.absorbed_here).await?);
    }
    let way = Way {
        born: Side::Target,
        keys: case.keys,
        author_line: case.policy.author_line,
        people: &people,
        authors: &case.source.people,
        originals,
        stays: &case.record.stays,
        links,
        by_people: true,
        pool: &here,
        ours_too: false,
    };
    Ok(thread::compare(&way, found))
}

/// The target ticket carries our key of this source ticket, or none.
fn compare_key(case: &Case<'_>, found: &mut Findings) {
    let expected = case.keys.ticket(case.source.id.as_str(), case.pair.part);
    let ours = case.target.key.as_deref().filter(|key| key.starts_with("tidegate:") && *key != expected);
    if let Some(key) = ours {
        found.differ(Kind::Key, "the target ticket has the key of another ticket", &expected, key);
    }
}

/// Tickets of the target under our key, other than the pair's own.
async fn second_tickets(witness: &Witness<'_>, case: &Case<'_>, pool: &Pool, found: &mut Findings) -> Result<(), Fault> {
    let key = case.keys.ticket(case.source.id.as_str(), case.pair.part);
    let own = |id: &TicketId| *id == case.target.id || pool.survivors.contains(id) || case.record.formers.contains(id);
    let found_there: BTreeSet<TicketId> = witness.find_ticket(&key).await?.into_iter().filter(|id| !own(id)).collect();
    for id in found_there {
        if let Read::Found(ticket) = witness.read(Side::Target, &id).await?
            && ticket.presence == Presence::Present
            && ticket.key.as_deref() == Some(key.as_str())
        {
            found.differ(Kind::Doubled, format!("target ticket {id} stands for the same source ticket"), "", id.as_str());
        }
    }
    Ok(())
}
