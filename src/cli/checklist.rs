//! `tidegate checklist MIRROR`

use std::time::Duration;

use anyhow::bail;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::cutover::checklist::{Arrived, Item, Lookout, items};
use crate::cutover::gate::desk_name;
use crate::desk::Side;
use crate::gateway::connect::{Connected, connected};
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::tick::Tick;
use crate::task;

use super::serve::length;
use super::{open, operator};

/// How often both desks are asked for a test message.
const LOOK: Duration = Duration::from_secs(5);

/// Options of `checklist`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// This item is done
    #[arg(long, value_name = "ITEM", conflicts_with_all = ["untick", "probe"])]
    pub tick: Option<String>,
    /// What shows that it is done; without it the tick stands on your name alone
    #[arg(long, value_name = "TEXT", requires = "tick")]
    pub evidence: Option<String>,
    /// Take a tick back
    #[arg(long, value_name = "ITEM", conflicts_with = "probe")]
    pub untick: Option<String>,
    /// Name a code to send through this channel, wait for it, and tick the item where it arrives at the desk that leads
    #[arg(long, value_name = "ITEM")]
    pub probe: Option<String>,
    /// How long a test message is waited for
    #[arg(long, value_name = "TIME", value_parser = length, default_value = "15m")]
    pub within: Duration,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Shows or ticks the list. Exit status 0 when everything is ticked, or what was asked for is done.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = list(&opened.ledger, &args).await;
    opened.close().await;
    done
}

async fn list(ledger: &Ledger, args: &Args) -> anyhow::Result<u8> {
    let (row, clock) = (ledger.mirror(&args.mirror).await?, Clock::system());
    let desks = connected(&row, ledger, &clock)?;
    let to = leading(ledger, &row).await?;
    let items = items_of(ledger, &desks, to).await?;
    if let Some(name) = &args.tick {
        let item = named(&items, name)?;
        return done(ledger, &row, (to, item), args.evidence.clone(), &clock).await;
    }
    if let Some(name) = &args.untick {
        named(&items, name)?;
        match ledger.untick(row.id, to, name).await? {
            true => println!("`{name}` is open again."),
            false => println!("`{name}` was not ticked."),
        }
        return Ok(0);
    }
    if let Some(name) = &args.probe {
        return probe(ledger, &row, &desks, (to, named(&items, name)?), args.within).await;
    }
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&items)?),
        false => {
            println!("{}, with the {} desk in the lead:", row.name, desk_name(to));
            items.iter().for_each(|item| println!("{}", item.line()));
        }
    }
    Ok(u8::from(items.iter().any(|item| item.done.is_none())))
}

/// The desk that the list is for: the one that a switch turned to last, and before the first switch the new one.
async fn leading(ledger: &Ledger, row: &MirrorRow) -> anyhow::Result<Side> {
    let runs = ledger.switches(row.id).await?;
    Ok(runs.iter().find(|run| run.turned_at.is_some()).map_or(Side::Target, |run| run.to))
}

async fn items_of(ledger: &Ledger, desks: &Connected, to: Side) -> anyhow::Result<Vec<Item>> {
    let course = &desks.course;
    let ticks = ledger.ticks(course.id, to).await?;
    Ok(items(course.desk(to).capabilities(), course.desk(to.other()).capabilities(), &ticks))
}

fn named<'a>(items: &'a [Item], name: &str) -> anyhow::Result<&'a Item> {
    let Some(item) = items.iter().find(|item| item.name == name) else {
        let names: Vec<&str> = items.iter().map(|item| item.name).collect();
        bail!("the list has no `{name}`; it has {}", names.join(", "));
    };
    Ok(item)
}

async fn done(
    ledger: &Ledger,
    row: &MirrorRow,
    (to, item): (Side, &Item),
    evidence: Option<String>,
    clock: &Clock,
) -> anyhow::Result<u8> {
    let tick = Tick { item: item.name.to_string(), who: operator::name(), evidence, at: clock.now() };
    ledger.tick(row.id, to, &tick).await?;
    println!("{}", Item { done: Some(tick), ..item.clone() }.line().trim_start());
    Ok(0)
}

/// Exit status 1 when the message arrives at the wrong desk, or not at all.
async fn probe(
    ledger: &Ledger,
    row: &MirrorRow,
    desks: &Connected,
    (to, item): (Side, &Item),
    within: Duration,
) -> anyhow::Result<u8> {
    if !item.is_channel {
        bail!("nothing arrives by `{}`: tick it with tidegate checklist {} --tick {}", item.name, row.name, item.name);
    }
    let clock = Clock::system();
    let began = clock.now();
    let code = format!("tide-{}", &Uuid::new_v4().simple().to_string()[..8]);
    println!("Send a message through this channel, as a customer would, with {code} in its subject.");
    let mut lookout = Lookout::new(desks.course.source.as_ref(), desks.course.target.as_ref(), &code, began);
    while (clock.now() - began).to_std().unwrap_or_default() < within {
        if let Some(arrived) = lookout.look(clock.now()).await? {
            return judge(ledger, row, (to, item), (&arrived, &code), &clock).await;
        }
        task::delay(LOOK).await;
    }
    println!("{code} did not arrive at either desk within {} s. `{}` is not ticked.", within.as_secs(), item.name);
    Ok(1)
}

async fn judge(
    ledger: &Ledger,
    row: &MirrorRow,
    (to, item): (Side, &Item),
    (arrived, code): (&Arrived, &str),
    clock: &Clock,
) -> anyhow::Result<u8> {
    let evidence = arrived.evidence(code);
    ledger.note_sent(row.id, (arrived.side, &arrived.ticket), code, clock.now()).await?;
    if arrived.side != to {
        println!("{evidence}, which is the wrong one. `{}` is not ticked: {}", item.name, item.what);
        return Ok(1);
    }
    done(ledger, row, (to, item), Some(evidence), clock).await
}
