//! `tidegate adopt MIRROR`

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, bail};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::change::Cursor;
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::connectors::contract::SourceDesk;
use crate::connectors::http::{Priority, at_priority};
use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::id::TicketId;
use crate::gateway::connect::{Connected, connected};
use crate::intake::pairs::{By, Told, named, parse, same_ids};
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::merge::adopt::Adoption;
use crate::replay::adopt::{Adopter, Taken};

use super::cutover::before_switch;
use super::findings;
use super::open;
use super::takeback::{house, until_stopped};

/// Pages of changes that are looked at for what a moved reference time would have missed.
const PAGES: usize = 500;
/// So many tickets of a list are named.
const NAMED: usize = 20;
/// So many tickets are shown for each field that differs.
const EXAMPLES: usize = 3;
/// So much earlier than the reference time the polls begin: clocks differ.
const EARLIER: TimeDelta = TimeDelta::minutes(5);

/// Options of `adopt`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// A file of lines `old number,new number`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["same_ids", "by"])]
    pub map: Option<PathBuf>,
    /// The copy kept the numbers
    #[arg(long, conflicts_with = "by")]
    pub same_ids: bool,
    /// Where the new tickets tell the old number: a field (`custom:Old number`), `tag:PREFIX`, or `key` for Zendesk's external id
    #[arg(long, value_name = "FIELD|TAG")]
    pub by: Option<By>,
    /// When the other tool began to read the old desk, as 2026-11-20T08:00:00Z
    #[arg(long, value_name = "TIME")]
    pub reference: DateTime<Utc>,
}

/// Takes over the copy. Exit status 0 when every pair was taken over.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = take_over(&opened.ledger, settings, &args).await;
    opened.close().await;
    done
}

async fn take_over(ledger: &Ledger, settings: &Settings, args: &Args) -> anyhow::Result<u8> {
    let row = ledger.mirror(&args.mirror).await?;
    before_switch(&row)?;
    let clock = Clock::system();
    if args.map.is_none() && args.by.is_none() && !args.same_ids {
        bail!("say which new ticket is which old one: --map FILE, --same-ids, or --by FIELD|TAG");
    }
    if args.reference > clock.now() {
        bail!("the reference time {} is in the future", args.reference);
    }
    findings::gate(ledger, &row).await?;
    let desks = connected(&row, ledger, &clock)?;
    let told = match pairs(args, &desks).await? {
        Ok(told) => told,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
            eprintln!("\nNothing was adopted.");
            return Ok(2);
        }
    };
    let pairs: BTreeMap<TicketId, TicketId> = told.iter().map(|told| (told.old.clone(), told.new.clone())).collect();
    let house = house(ledger, settings, row.id);
    ledger.begin_adoption(row.id).await?;
    println!("{} is paused while {} pairs are adopted; each ticket is read once in both desks.", row.name, told.len());
    let (reference, course) = (args.reference, &*desks.course);
    let work = Adopter { house: &house, course, worker: Uuid::new_v4(), reference, pairs: &pairs };
    let done = match until_stopped(&house, everything(&work, &told)).await {
        Ok(tally) => finish(ledger, &row, &desks, &pairs, (reference, tally)).await,
        Err(error) => Err(error),
    };
    desks.flush().await;
    done
}

async fn pairs(args: &Args, desks: &Connected) -> anyhow::Result<Result<Vec<Told>, Vec<String>>> {
    if let Some(path) = &args.map {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        let named = |mistakes: Vec<String>| mistakes.iter().map(|it| format!("{}: {it}", path.display())).collect();
        return Ok(parse(&text).map_err(named));
    }
    Ok(match &args.by {
        Some(by) => named(desks.course.target.as_ref() as &dyn SourceDesk, by).await?,
        None => Ok(same_ids(desks.course.source.as_ref() as &dyn SourceDesk).await?),
    })
}

/// What a run came to.
#[derive(Default)]
struct Tally {
    adopted: usize,
    before: usize,
    refused: usize,
    failed: usize,
    parked: usize,
    /// Old tickets and both values, by field.
    unknown: BTreeMap<FieldKey, Vec<String>>,
    without_key: usize,
    stopped: bool,
}

async fn everything(work: &Adopter<'_>, told: &[Told]) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for Told { old, new } in told {
        if work.stopped() {
            return Ok(Tally { stopped: true, ..tally });
        }
        match work.pair(old, new).await {
            Ok(Taken::Before) => tally.before += 1,
            Ok(Taken::Refused(why)) => {
                tally.refused += 1;
                println!("old {old}, new {new}: NOT adopted: {why}");
            }
            Ok(Taken::Over { adoption, key_why, parked }) => {
                tally.adopted += 1;
                for one in adoption.unknown.iter().chain(&adoption.lacking) {
                    let (here, there) = (short(&one.lead), short(&one.follow));
                    tally.unknown.entry(one.source.clone()).or_default().push(format!("{old} (old `{here}`, new `{there}`)"));
                }
                tally.parked += usize::from(parked.is_some());
                tally.without_key += usize::from(key_why.is_some());
                lines(&adoption, key_why, parked).iter().for_each(|line| println!("old {old}, new {new}: {line}"));
            }
            Err(fate) => {
                tally.failed += 1;
                println!("old {old}, new {new}: left for the next run: {fate}");
            }
        }
    }
    Ok(tally)
}

/// What a person may want to know of an adopted pair; nothing for one that is as it should be.
fn lines(adoption: &Adoption, key_why: Option<String>, parked: Option<String>) -> Vec<String> {
    let places = |places: &[usize]| places.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut lines = Vec::new();
    lines.extend(parked.map(|why| format!("PARKED: {why}")));
    lines.extend(adoption.pending.iter().map(|field| format!("`{field}` was changed in the old desk since; it is carried")));
    lines.extend(adoption.theirs.iter().map(|field| format!("`{field}` was changed in the new desk since; it stays")));
    if !adoption.exposed.is_empty() {
        lines.push(format!("messages {} are internal in the old desk and public in the new one", places(&adoption.exposed)));
    }
    if !adoption.news.is_empty() {
        lines.push(format!("messages {} were written since; they are carried", places(&adoption.news)));
    }
    if adoption.files_missing > 0 {
        lines.push(format!("{} files are missing in the new desk", adoption.files_missing));
    }
    lines.extend(key_why.map(|why| format!("our key is not on it: {why}")));
    lines
}

/// A value on one line, cut.
fn short(value: &Value) -> String {
    let line = value.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 30 { line.chars().take(29).chain(['…']).collect() } else { line }
}

async fn finish(
    ledger: &Ledger,
    row: &MirrorRow,
    desks: &Connected,
    pairs: &BTreeMap<TicketId, TicketId>,
    (reference, tally): (DateTime<Utc>, Tally),
) -> anyhow::Result<u8> {
    let name = &row.name;
    println!(
        "{} pairs adopted, {} adopted before, {} not adopted; {} parked, {} fields that differ, {} tickets without our key.",
        tally.adopted,
        tally.before,
        tally.refused,
        tally.parked,
        tally.unknown.values().map(Vec::len).sum::<usize>(),
        tally.without_key
    );
    for (field, tickets) in &tally.unknown {
        let named = tickets.iter().take(EXAMPLES).cloned().collect::<Vec<_>>().join(", ");
        let more = if tickets.len() > EXAMPLES { ", …" } else { "" };
        println!("`{field}` differs in {} tickets, and nobody knows why; it is left so: {named}{more}", tickets.len());
    }
    if tally.stopped || tally.failed > 0 {
        let why = if tally.stopped { "Stopped".to_string() } else { format!("{} could not be read or written", tally.failed) };
        println!("{why}; the mirror stays paused. The same command goes on.");
        return Ok(1);
    }
    moved(desks, pairs, reference).await?;
    let cursor = |side: Side| -> (Side, Cursor) { (side, desks.course.desk(side).cursor_at(reference - EARLIER)) };
    let paused = ledger.end_adoption(row.id, reference, [cursor(Side::Source), cursor(Side::Target)]).await?;
    if tally.parked > 0 {
        println!("Next: tidegate parked list {name}");
    }
    println!("Next: tidegate serve (goes on from {reference}), then tidegate check {name}");
    if paused {
        println!("{name} was paused before and still is: tidegate mirror resume {name}");
    }
    Ok(u8::from(tally.refused > 0))
}

/// Tells what changed in the old desk since the reference time: with a later one it would have been missed.
async fn moved(desks: &Connected, pairs: &BTreeMap<TicketId, TicketId>, reference: DateTime<Utc>) -> anyhow::Result<()> {
    let source = &desks.course.source;
    let mut cursor = source.cursor_at(reference - EARLIER);
    let mut changed: BTreeMap<TicketId, DateTime<Utc>> = BTreeMap::new();
    for _ in 0..PAGES {
        let page = at_priority(Priority::Backfill, source.changes(&cursor, Clock::system().now())).await?;
        for hint in page.hints.iter().filter(|hint| hint.at >= reference) {
            let latest = changed.entry(hint.ticket.clone()).or_insert(hint.at);
            *latest = hint.at.max(*latest);
        }
        cursor = page.next;
        if !page.more {
            break;
        }
    }
    let (known, new): (Vec<_>, Vec<_>) = changed.iter().partition(|(ticket, _)| pairs.contains_key(*ticket));
    tell("old tickets changed since the reference time; what the copy lacks of them is carried now", &known);
    tell("old tickets that no pair names changed since; they are copied now", &new);
    Ok(())
}

fn tell(what: &str, changed: &[(&TicketId, &DateTime<Utc>)]) {
    let named: Vec<String> =
        changed.iter().take(NAMED).map(|(ticket, at)| format!("{ticket} ({})", at.format("%Y-%m-%d %H:%M:%S"))).collect();
    let more = if changed.len() > NAMED { format!(" and {} more", changed.len() - NAMED) } else { String::new() };
    let colon = if named.is_empty() { "" } else { ": " };
    println!("{} {what}{colon}{}{more}", changed.len(), named.join(", "));
}
