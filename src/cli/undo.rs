//! `tidegate undo MIRROR TICKET`

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;

use crate::clock::{Clock, Monotonic};
use crate::config::settings::Settings;
use crate::connectors::contract::Read;
use crate::desk::Side;
use crate::desk::field::{FieldKey, Value};
use crate::desk::policy::Tags;
use crate::desk::ticket::Ticket;
use crate::gateway::connect::connected;
use crate::gateway::serve::Gateway;
use crate::ledger::intent::Visit;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::pair::Pair;
use crate::ledger::ruling::PutBack;
use crate::ledger::{Ledger, Role};
use crate::merge::base::{Apart, FieldWrite};
use crate::replay::house;
use crate::task;

use super::open::{self, Opened};
use super::operator;
use super::serve::parts;

/// How long it is waited for that the fields are put back.
const WAIT: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(200);

/// Options of `undo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// The ticket's number, the old or the new one
    pub ticket: String,
    /// Write it; without this it is only shown
    #[arg(long)]
    pub yes: bool,
}

/// Shows what the last write of fields could be taken back to, and does so if told. Exit status 1 where nothing can be put back.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = undo(&opened, settings, &args).await;
    opened.close().await;
    done
}

async fn undo(opened: &Opened, settings: &Settings, args: &Args) -> anyhow::Result<u8> {
    let ledger = &opened.ledger;
    let row = ledger.mirror(&args.mirror).await?;
    let pair = the_pair(ledger, &row, &args.ticket).await?;
    if pair.authority == Side::Target {
        bail!(
            "the new desk leads ticket {}: what stands there is its people's, and goes to the old desk; undo takes back what was written there \
             while the old desk led",
            args.ticket
        );
    }
    let clock = Clock::system();
    let desks = connected(&row, ledger, &clock)?;
    let own = &desks.course.policy.tags;
    let visits = ledger.visits(pair.id).await?;
    let Some((visit, writes)) = visits.iter().map(|visit| (visit, changes(visit, own))).find(|(_, writes)| !writes.is_empty())
    else {
        println!("No field of this ticket was written since it was made; `tidegate takeback` removes whole tickets.");
        return Ok(1);
    };
    let Some(target) = &pair.target_ticket else { bail!("it has no target ticket") };
    let Read::Found(held) = desks.course.target.read(target, None).await? else {
        bail!("the target does not show ticket {target} as a whole just now; try again")
    };
    let (lines, fields) = compare(&pair, &held, &writes);
    let source = pair.source_ticket.as_ref().map_or_else(|| "(none)".to_string(), ToString::to_string);
    println!("source {source} → target {target}, fields last written {}:", visit.at.format("%F %T UTC"));
    lines.iter().for_each(|line| println!("  {line}"));
    println!("  messages stay, and whatever the target mailed because of them ({} written at that time)", visit.messages);
    if fields.is_empty() {
        println!("Nothing can be put back.");
        return Ok(1);
    }
    if !args.yes {
        println!("Nothing was written; `tidegate undo {} {} --yes` does it.", args.mirror, args.ticket);
        return Ok(0);
    }
    may_be_written(ledger, &row, &pair).await?;
    let ids = ledger.order_put_back(pair.id, &fields, &operator::name(), clock.now()).await?;
    see_through(opened, settings, &row, &ids).await
}

/// Errors: no ticket or two have the number.
async fn the_pair(ledger: &Ledger, row: &MirrorRow, number: &str) -> anyhow::Result<Pair> {
    let mut pairs = ledger.pairs_of_number(row.id, number).await?;
    let Some(pair) = pairs.pop() else { bail!("mirror `{}` knows no ticket {number}, neither old nor new", row.name) };
    if !pairs.is_empty() {
        bail!(
            "{number} is the old number of one ticket and the new one of another: give the ticket's other number (`tidegate status {} --ticket {number}`)",
            row.name
        );
    }
    Ok(pair)
}

/// Errors: the lane does not run, so that the order would be carried out at some later time.
async fn may_be_written(ledger: &Ledger, row: &MirrorRow, pair: &Pair) -> anyhow::Result<()> {
    if let Some(why) = &row.paused_why {
        bail!("the mirror is paused ({why}); `tidegate mirror resume {}` first", row.name);
    }
    if ledger.lane_state(pair.id).await?.is_some_and(|lane| lane.blocked) {
        bail!("the ticket is parked: decide that first (`tidegate parked list {}`)", row.name);
    }
    Ok(())
}

/// What a visit changed, each field once, from what was there before to what was there after. Tags of our own are no field of anybody's.
fn changes(visit: &Visit, own: &Tags) -> Vec<FieldWrite> {
    let mut fields: BTreeMap<FieldKey, FieldWrite> = BTreeMap::new();
    for write in visit.fields.iter().filter(|write| !write.is_standing()) {
        let first = fields.get(&write.source).map(|first| first.before.clone());
        let before = first.unwrap_or_else(|| write.before.clone());
        fields.insert(write.source.clone(), FieldWrite { before, ..write.clone() });
    }
    let is_own = |word: &&str| {
        [&own.mirrored, &own.incomplete, &own.silent, &own.deleted, &own.out_of_scope].iter().any(|tag| tag == word)
    };
    let plain =
        |value: &Value| -> Vec<String> { value.words().into_iter().filter(|word| !is_own(word)).map(str::to_string).collect() };
    let differs = |write: &FieldWrite| match &write.before {
        Value::Set(_) => plain(&write.before) != plain(&write.intended),
        _ if matches!(write.intended, Value::Set(_)) => plain(&write.before) != plain(&write.intended),
        before => *before != write.intended,
    };
    fields.into_values().filter(differs).collect()
}

/// For people, and what can be put back: only fields that still hold what we wrote.
fn compare(pair: &Pair, held: &Ticket, writes: &[FieldWrite]) -> (Vec<String>, Vec<PutBack>) {
    let (mut lines, mut fields) = (Vec::new(), Vec::new());
    for write in writes {
        let agreed = pair.base.as_ref().and_then(|base| base.fields.get(&write.source));
        let kept = agreed.filter(|agreed| agreed.apart != Some(Apart::ByPolicy)).map(|agreed| &agreed.target);
        let Some(now) = held.fields.get(&write.key) else { continue };
        let ours = *now == write.intended || kept == Some(now);
        if held.immutable {
            lines.push(format!("`{}` stays `{now}`: the target ticket is closed for good", write.key));
        } else if ours {
            lines.push(format!("`{}` from `{now}` back to `{}`", write.key, write.before));
            fields.push(PutBack { field: write.source.clone(), held: now.clone(), value: write.before.clone() });
        } else {
            lines.push(format!("`{}` stays `{now}`: somebody changed it after we wrote `{}`", write.key, write.intended));
        }
    }
    (lines, fields)
}

/// Waits until the lane has carried it out; without a gateway at work one is started here for as long as it takes.
async fn see_through(opened: &Opened, settings: &Settings, row: &MirrorRow, ids: &[i64]) -> anyhow::Result<u8> {
    let mut own = None;
    if !opened.ledger.gateway_works().await? {
        let engine = house::Settings { workers: 1, only: Some(row.id), ..house::Settings::default() };
        own = Some(Gateway::start(parts(opened.again(settings, Role::Gateway).await?, settings, engine)));
    }
    let done = wait(&opened.ledger, ids).await;
    if let Some(gateway) = own {
        gateway.stop().await;
    }
    done
}

async fn wait(ledger: &Ledger, ids: &[i64]) -> anyhow::Result<u8> {
    let since = Monotonic::now();
    loop {
        let outcomes = ledger.outcomes(ids).await?;
        if outcomes.iter().all(|(_, outcome)| outcome.is_some()) {
            let left: Vec<&str> = outcomes
                .iter()
                .filter(|(_, outcome)| outcome.as_deref() != Some("done"))
                .map(|(field, _)| field.as_str())
                .collect();
            left.iter().for_each(|field| println!("`{field}` changed at the same moment and was left as it is."));
            let back: Vec<String> = outcomes
                .iter()
                .map(|(field, _)| field.as_str())
                .filter(|field| !left.contains(field))
                .map(|field| format!("`{field}`"))
                .collect();
            if !back.is_empty() {
                println!("Put back: {}. It stands until the source says something new there.", back.join(", "));
            }
            return Ok(u8::from(!left.is_empty()));
        }
        if since.elapsed() > WAIT {
            println!("It is ordered, and not carried out yet; `tidegate status` says what is in the way.");
            return Ok(1);
        }
        task::delay(LOOK).await;
    }
}
