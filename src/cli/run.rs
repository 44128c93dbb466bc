//! `tidegate run MIRROR`

use anyhow::bail;
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::clock::Clock;
use crate::config::mirror::MirrorConfig;
use crate::config::run::RunPlan;
use crate::config::settings::Settings;
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::run::{Before, DAYS, Order, Run, RunTicket};
use crate::mirror::Phase;

use super::open::{self, Opened};
use super::through::{Ended, Stand, see_through, until_done};
use super::{operator, window};

/// So many failed tickets are shown to people; `--json` has all.
const SHOWN: usize = 20;

/// Options of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// Order the run and return; a running `tidegate serve` makes it
    #[arg(long)]
    pub detach: bool,
    /// Only tickets of this window
    #[arg(long, value_name = "NAME")]
    pub window: Option<String>,
    /// Work outside the quiet hours too
    #[arg(long)]
    pub now: bool,
    /// List all runs
    #[arg(long, group = "shown", conflicts_with_all = ["detach", "now"])]
    pub list: bool,
    /// Show the report of one run by its number
    #[arg(long, value_name = "N", group = "shown", conflicts_with_all = ["detach", "now"])]
    pub show: Option<i32>,
    /// Print JSON, with --list or --show
    #[arg(long, requires = "shown")]
    pub json: bool,
}

/// Makes a run, or watches the gateway that makes it; or shows what runs came to. Exit status 0 if nothing failed.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = act(&opened, settings, &args).await;
    opened.close().await;
    done
}

async fn act(opened: &Opened, settings: &Settings, args: &Args) -> anyhow::Result<u8> {
    let row = opened.ledger.mirror(&args.mirror).await?;
    let ledger = &opened.ledger;
    if args.list {
        return list(ledger, &row, args.json).await;
    }
    let number = match args.show {
        Some(number) => number,
        None => {
            let number = order(ledger, &row, args).await?;
            if args.detach {
                println!("Run {number} of {} is ordered; `tidegate run {} --show {number}` shows it.", row.name, row.name);
                return Ok(0);
            }
            if !carried(opened, settings, &row, number).await? {
                return Ok(1);
            }
            number
        }
    };
    show(ledger, &row, number, args.json).await
}

/// Orders a run, or finds the one that is under way. Returns its number.
async fn order(ledger: &Ledger, row: &MirrorRow, args: &Args) -> anyhow::Result<i32> {
    if let Some(run) = ledger.open_run(row.id).await? {
        eprintln!("Run {} of {} goes on; {} ordered it on {}.", run.number, row.name, run.ordered_by, minute(run.ordered_at));
        return Ok(run.number);
    }
    let name = &row.name;
    if plan_of(row).is_none() {
        bail!(
            "{name} is a live mirror: `tidegate serve` carries each change as it comes. For runs instead, write [run] into its mirror file \
             and apply it"
        );
    }
    match row.phase {
        Phase::Mirroring => {}
        Phase::Retired => bail!("{name} is retired: nothing is carried any more"),
        phase if phase.is_before_switch() => bail!(
            "{name} is {}: a run carries what changed since the copy, and `tidegate backfill {name}` makes that",
            phase.as_str()
        ),
        phase => bail!(
            "{name} is {}: from the first switch on `tidegate serve` carries each change as it comes, and there are no runs any more",
            phase.as_str()
        ),
    }
    let (now, before) = (Clock::system().now(), ledger.before_run(row.id).await?);
    refuse_late(name, &before, now)?;
    let by = operator::name();
    let window = window::named(ledger, row, args.window.as_deref()).await?.map(|part| part.id);
    let reference = ledger.reference(row.id, window).await?;
    let order = Order { after: before.number, by: &by, at_any_hour: args.now, window };
    if !ledger.order_run(row.id, order, now).await? {
        bail!("another run of {name} was ordered at this moment; `tidegate run {name} --list` shows it");
    }
    let of = args.window.as_ref().map(|window| format!(", window {window}")).unwrap_or_default();
    let since = reference.map_or_else(|| "the copy".to_string(), minute);
    eprintln!("Run {} of {name}{of}: what changed since {since}.", before.number + 1);
    Ok(before.number + 1)
}

fn refuse_late(name: &str, before: &Before, now: DateTime<Utc>) -> anyhow::Result<()> {
    match before.deadline() {
        Some(deadline) if deadline < now => bail!(
            "runs of {name} could start until {}: {DAYS} days after the copy{}. If what changed since may still be carried, say so: tidegate \
             extend {name} --runs {DAYS} --reason \"…\"",
            minute(deadline),
            if before.extended > 0 { format!(" and {} more", before.extended) } else { String::new() }
        ),
        _ => Ok(()),
    }
}

/// Sees the run through. `false`: we were told to stop before its end.
async fn carried(opened: &Opened, settings: &Settings, row: &MirrorRow, number: i32) -> anyhow::Result<bool> {
    let ended = see_through(opened, settings, (row, "run"), watch(&opened.ledger, row, number)).await?;
    let name = &row.name;
    match ended {
        Ended::Done => {}
        Ended::StoppedHere => println!("Stopped. `tidegate run {name}` goes on with run {number}."),
        Ended::GoesOn => println!("The run goes on in the gateway; `tidegate run {name} --show {number}` shows it."),
    }
    Ok(ended == Ended::Done)
}

/// Returns when the run has ended. Errors: the mirror is paused, or the ledger stays away.
async fn watch(ledger: &Ledger, row: &MirrorRow, number: i32) -> anyhow::Result<()> {
    let mut told = false;
    until_done(&row.name, async || {
        let (paused, run) = look(ledger, row, number).await?;
        if let Some(why) = paused {
            return Ok(Stand::Paused(why));
        }
        let Some(run) = run else { return Ok(Stand::Done) };
        if run.rests_since.is_some() && !told {
            let opens = plan_of(row).map(|plan| plan.local(plan.opens(Clock::system().now()))).unwrap_or_default();
            eprintln!("It rests until the quiet hours, {opens}.");
        }
        told = run.rests_since.is_some();
        Ok(Stand::Going)
    })
    .await
}

/// Why the mirror is paused, and the run while it is under way.
async fn look(ledger: &Ledger, row: &MirrorRow, number: i32) -> crate::ledger::Result<(Option<String>, Option<Run>)> {
    let run = ledger.open_run(row.id).await?.filter(|run| run.number == number);
    let paused = ledger.mirror(&row.name).await?.paused_why;
    Ok((paused.filter(|_| run.is_some()), run))
}

async fn list(ledger: &Ledger, row: &MirrorRow, as_json: bool) -> anyhow::Result<u8> {
    let (runs, before) = (ledger.runs(row.id).await?, ledger.before_run(row.id).await?);
    if as_json {
        let all = json!({ "mirror": row.name, "runs": runs, "may_start_until": before.deadline() });
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(0);
    }
    runs.iter().flat_map(lines).for_each(|line| println!("{line}"));
    if let Some(deadline) = before.deadline() {
        println!("Runs may start until {}.", minute(deadline));
    }
    Ok(0)
}

/// The report of a run. Exit status 1 where something failed.
async fn show(ledger: &Ledger, row: &MirrorRow, number: i32, as_json: bool) -> anyhow::Result<u8> {
    let Some(run) = ledger.runs(row.id).await?.into_iter().find(|run| run.number == number) else {
        bail!("{} has no run {number}; `tidegate run {} --list` names them", row.name, row.name);
    };
    let tickets = ledger.run_tickets(&run).await?;
    if as_json {
        println!("{}", serde_json::to_string_pretty(&json!({ "mirror": row.name, "run": run, "tickets": tickets }))?);
    } else {
        lines(&run).iter().for_each(|line| println!("{line}"));
        let failed: Vec<&RunTicket> = tickets.iter().filter(|one| one.outcome.as_deref() == Some("failed")).collect();
        failed.iter().take(SHOWN).for_each(|one| println!("  {}", failure(one)));
        if failed.len() > SHOWN {
            println!("  … and {} more; `--json` has them all", failed.len() - SHOWN);
        }
    }
    Ok(u8::from(run.failed.unwrap_or_default() > 0))
}

fn failure(ticket: &RunTicket) -> String {
    let number = |ticket: &Option<String>| ticket.clone().unwrap_or_else(|| "none".to_string());
    let why = ticket.why.as_deref().unwrap_or("it could not be carried");
    format!("failed: old {}, new {}: {why}", number(&ticket.source_ticket), number(&ticket.target_ticket))
}

/// A run in two lines.
fn lines(run: &Run) -> Vec<String> {
    let of = run.window.as_ref().map(|window| format!(" of window {window}")).unwrap_or_default();
    let head = format!("run {}{of}, ordered by {} on {}", run.number, run.ordered_by, minute(run.ordered_at));
    let (Some(ended), Some(read)) = (run.ended_at, run.read_at) else {
        let now = if run.rests_since.is_some() { "rests until the quiet hours" } else { "is under way" };
        return vec![format!("{head}: {now}, with {} tickets so far", run.tickets)];
    };
    let count = |count: Option<i64>| count.unwrap_or_default();
    let worked = (ended - run.ordered_at).as_seconds_f64() - run.rested_seconds;
    vec![
        format!("{head}: carried what changed up to {}", read.format("%Y-%m-%d %H:%M:%S UTC")),
        format!(
            "  {} created, {} updated, {} skipped, {} failed; {} calls, {worked:.0} s",
            count(run.created),
            count(run.updated),
            count(run.skipped),
            count(run.failed),
            count(run.calls)
        ),
    ]
}

/// What `status` tells of a mirror that carries runs; nothing for a live one. `resting`: tickets that wait for the next run.
pub async fn status(ledger: &Ledger, row: &MirrorRow, resting: i64) -> anyhow::Result<Vec<String>> {
    let Some(plan) = plan_of(row) else { return Ok(Vec::new()) };
    let (runs, before) = (ledger.runs(row.id).await?, ledger.before_run(row.id).await?);
    let name = &row.name;
    if !row.phase.is_before_switch() {
        return Ok(vec!["  from the first switch on changes are carried as they come, not in runs".to_string()]);
    }
    let next = match before.last().and_then(|last| plan.due(last)) {
        Some(due) => format!("the next is due {}", plan.local(due)),
        None => format!("`tidegate run {name}` begins the next"),
    };
    let mut told = vec![format!("  changes are carried in runs; {resting} tickets wait for one; {next}")];
    told.extend(runs.last().into_iter().flat_map(lines).map(|line| format!("  {line}")));
    match before.deadline() {
        Some(deadline) if deadline < Clock::system().now() => told.push(format!(
            "  ALARM: no run may start any more since {}; `tidegate extend {name} --runs` says otherwise",
            minute(deadline)
        )),
        Some(deadline) => told.push(format!("  runs may start until {}", minute(deadline))),
        None => {}
    }
    Ok(told)
}

/// How a mirror carries runs; `None`: it is a live one.
pub fn plan_of(row: &MirrorRow) -> Option<RunPlan> {
    MirrorConfig::stored(&row.name, row.config.clone()).ok()?.run
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}
