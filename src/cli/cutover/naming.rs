//! `tidegate cutover MIRROR --name-new`: old tickets that say where they go on.

use std::time::Duration;

use anyhow::bail;
use uuid::Uuid;

use crate::cli::takeback::{house, until_stopped};
use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::cutover::gate;
use crate::desk::Side;
use crate::gateway::connect::{Connected, connected};
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::window::Part;
use crate::mirror::{PairId, Phase};
use crate::replay::naming::{Named, Naming};
use crate::task;

/// Calls for a ticket: Zendesk is asked for its audits and itself, RT for the key and what became of it, and the note is written.
const CALLS: usize = 3;
/// Tickets at which somebody is at work are tried again so often, and so long after.
const ROUNDS: usize = 30;
const PAUSE: Duration = Duration::from_secs(1);
/// So many of those that were left are named.
const NAMED: usize = 10;

/// Tells what it would take; with `yes` does it. Exit status 0 when every open ticket names its new one.
pub async fn run(
    ledger: &Ledger,
    settings: &Settings,
    (row, window): (&MirrorRow, Option<&Part>),
    yes: bool,
) -> anyhow::Result<u8> {
    let desks = connected(row, ledger, &Clock::system())?;
    may_name(row, &desks)?;
    let done = desks.course.source.capabilities().final_statuses;
    let pairs = ledger.unnamed(row.id, window.map(|part| part.id), done).await?;
    println!("{}", cost(&desks, pairs.len()).await?);
    if pairs.is_empty() {
        return Ok(0);
    }
    if !yes {
        let option = window.map(|part| format!(" --window {}", part.name)).unwrap_or_default();
        println!("To write them: tidegate cutover {} --name-new{option} --yes", row.name);
        return Ok(0);
    }
    let house = house(ledger, settings, row.id);
    let naming = Naming { house: &house, course: &desks.course, worker: Uuid::new_v4() };
    let tally = until_stopped(&house, order(&naming, pairs)).await;
    desks.flush().await;
    let Tally { written, before, left } = tally?;
    println!("{written} old tickets name their new ones now, {before} did before; {} calls.", desks.budgets[0].made());
    left.iter().take(NAMED).for_each(|why| println!("  left: {why}"));
    if !left.is_empty() {
        println!("{} were left: run the same command again.", left.len());
    }
    Ok(u8::from(!left.is_empty()))
}

/// Errors: why it is not the time.
fn may_name(row: &MirrorRow, desks: &Connected) -> anyhow::Result<()> {
    let name = &row.name;
    if !matches!(row.phase, Phase::Switched | Phase::PartlySwitched) {
        bail!("{name} is {}: old tickets name the new ones once the new desk leads", row.phase.as_str());
    }
    if let Some(why) = &row.paused_why {
        bail!("{name} is paused: {why}");
    }
    let means = desks.course.source.capabilities().silence;
    let silence = gate::silence(Side::Source, desks.config.policy.source_silence, means);
    if !silence.holds {
        bail!("{}; {}", silence.found, silence.opens);
    }
    Ok(())
}

/// What it takes, before anything is written.
async fn cost(desks: &Connected, tickets: usize) -> anyhow::Result<String> {
    // The desk tells its limit with any answer.
    desks.course.source.identify().await?;
    let least = tickets * CALLS;
    let time = match desks.budgets[0].allowed() {
        Some(allowed) => format!(", about {:.0} min at {allowed:.0} calls a minute", (least as f64 / allowed).ceil()),
        None => String::new(),
    };
    Ok(format!("{tickets} open tickets of the old desk do not name their new ones: at least {least} calls{time}."))
}

/// What an order came to.
#[derive(Default)]
struct Tally {
    written: usize,
    before: usize,
    left: Vec<String>,
}

/// Right after a switch the gateway is at work on some of the tickets: they are tried again a little later.
async fn order(naming: &Naming<'_>, mut pairs: Vec<PairId>) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for last in (0..ROUNDS).map(|round| round + 1 == ROUNDS) {
        let mut later = Vec::new();
        for pair in pairs {
            let named = match naming.stopped() {
                true => Named::Later("the order was stopped".to_string()),
                false => naming.pair(pair).await?,
            };
            match named {
                Named::Written => tally.written += 1,
                Named::Before => tally.before += 1,
                Named::Later(why) if last || naming.stopped() => tally.left.push(why),
                Named::Later(_) => later.push(pair),
                Named::Left(why) => tally.left.push(why),
            }
        }
        if later.is_empty() {
            break;
        }
        pairs = later;
        task::delay(PAUSE).await;
    }
    Ok(tally)
}
