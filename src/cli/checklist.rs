//! `tidegate checklist MIRROR`

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::bail;
use uuid::Uuid;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::cutover::checklist::{Arrived, Follows, Item, Lookout, items};
use crate::cutover::gate::desk_name;
use crate::cutover::urgent::{self, Open};
use crate::desk::Side;
use crate::gateway::connect::{Connected, connected};
use crate::ledger::Ledger;
use crate::ledger::tick::{List, Tick};
use crate::ledger::window::Part;
use crate::mirror::MirrorId;
use crate::task;

use super::serve::length;
use super::{open, operator, window};

/// How often both desks are asked for a test message.
const LOOK: Duration = Duration::from_secs(5);

/// Options of `checklist`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// The list of this window: each has its own, because it has channels of its own
    #[arg(long, value_name = "WINDOW")]
    pub window: Option<String>,
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
    /// Show the open tickets by what is due next, all of them
    #[arg(long, conflicts_with_all = ["tick", "untick", "probe"])]
    pub due: bool,
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
    let part = window::named(ledger, &row, args.window.as_deref()).await?;
    let parts = ledger.parts(row.id).await?;
    if part.is_none() && !parts.is_empty() {
        return all(ledger, &desks, &parts, args).await;
    }
    let list = list_of(ledger, row.id, part.as_ref()).await?;
    if args.due {
        let due = due(ledger, &desks, &list).await?;
        match args.json {
            true => println!("{}", serde_json::to_string_pretty(&due)?),
            false => due.lines(usize::MAX, "").iter().for_each(|line| println!("{line}")),
        }
        return Ok(0);
    }
    let items = items_of(ledger, &desks, &list).await?;
    if let Some(name) = &args.tick {
        let item = named(&items, name)?;
        return done(ledger, (&list, item), args.evidence.clone(), &clock).await;
    }
    if let Some(name) = &args.untick {
        named(&items, name)?;
        match ledger.untick(&list, name).await? {
            true => println!("`{name}` is open again."),
            false => println!("`{name}` was not ticked."),
        }
        return Ok(0);
    }
    if let Some(name) = &args.probe {
        return probe(ledger, &desks, (&list, named(&items, name)?), args.within).await;
    }
    match args.json {
        true => println!("{}", serde_json::to_string_pretty(&items)?),
        false => lines(&row.name, part.as_ref(), &list, &items).iter().for_each(|line| println!("{line}")),
    }
    Ok(u8::from(items.iter().any(|item| item.done.is_none())))
}

/// The lists of all windows. What is ticked is ticked for one of them.
async fn all(ledger: &Ledger, desks: &Connected, parts: &[Part], args: &Args) -> anyhow::Result<u8> {
    let name = &desks.course.name;
    if args.tick.is_some() || args.untick.is_some() || args.probe.is_some() {
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        bail!("each window of {name} has a list of its own: say which with --window ({})", names.join(", "));
    }
    if args.due {
        return all_due(ledger, desks, parts, args.json).await;
    }
    let (mut json, mut open) = (BTreeMap::new(), false);
    for part in parts {
        let list = list_of(ledger, desks.course.id, Some(part)).await?;
        let items = items_of(ledger, desks, &list).await?;
        open |= items.iter().any(|item| item.done.is_none());
        if !args.json {
            lines(name, Some(part), &list, &items).iter().for_each(|line| println!("{line}"));
        }
        json.insert(&part.name, items);
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&json)?);
    }
    Ok(u8::from(open))
}

/// The open tickets, of the desk that led: they had their promises there.
async fn due(ledger: &Ledger, desks: &Connected, list: &List) -> anyhow::Result<Open> {
    let (led, course) = (list.to.other(), &desks.course);
    let windows = list.window.as_ref().map(std::slice::from_ref);
    Ok(urgent::open(ledger, course.id, windows, (led, course.desk(led).as_ref())).await?)
}

async fn all_due(ledger: &Ledger, desks: &Connected, parts: &[Part], as_json: bool) -> anyhow::Result<u8> {
    let mut json = BTreeMap::new();
    for part in parts {
        let list = list_of(ledger, desks.course.id, Some(part)).await?;
        let due = due(ledger, desks, &list).await?;
        if !as_json {
            println!("{}, window {}:", desks.course.name, part.name);
            due.lines(usize::MAX, "").iter().for_each(|line| println!("{line}"));
        }
        json.insert(&part.name, due);
    }
    if as_json {
        println!("{}", serde_json::to_string_pretty(&json)?);
    }
    Ok(0)
}

fn lines(mirror: &str, part: Option<&Part>, list: &List, items: &[Item]) -> Vec<String> {
    let of = part.map(|part| format!(", window {}", part.name)).unwrap_or_default();
    let head = format!("{mirror}{of}, with the {} desk in the lead:", desk_name(list.to));
    std::iter::once(head).chain(items.iter().map(Item::line)).collect()
}

/// The list of a mirror or of a window, for the desk that a switch turned to last, and before the first switch the new one.
async fn list_of(ledger: &Ledger, mirror: MirrorId, part: Option<&Part>) -> anyhow::Result<List> {
    let (runs, window) = (ledger.switches(mirror).await?, part.map(|part| part.id));
    let last = runs.iter().find(|run| run.turned_at.is_some() && run.concerns(window));
    Ok(List { mirror, window, to: last.map_or(Side::Target, |run| run.to) })
}

async fn items_of(ledger: &Ledger, desks: &Connected, list: &List) -> anyhow::Result<Vec<Item>> {
    let (leads, follows) = (desks.course.desk(list.to), desks.course.desk(list.to.other()));
    Ok(items(leads.capabilities(), &Follows::ask(follows.as_ref()).await, &ledger.ticks(list).await?))
}

fn named<'a>(items: &'a [Item], name: &str) -> anyhow::Result<&'a Item> {
    let Some(item) = items.iter().find(|item| item.name == name) else {
        let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
        bail!("the list has no `{name}`; it has {}", names.join(", "));
    };
    Ok(item)
}

async fn done(ledger: &Ledger, (list, item): (&List, &Item), evidence: Option<String>, clock: &Clock) -> anyhow::Result<u8> {
    let tick = Tick { item: item.name.clone(), who: operator::name(), evidence, at: clock.now() };
    ledger.tick(list, &tick).await?;
    println!("{}", Item { done: Some(tick), ..item.clone() }.line().trim_start());
    Ok(0)
}

/// Exit status 1 when the message arrives at the wrong desk, or not at all.
async fn probe(ledger: &Ledger, desks: &Connected, (list, item): (&List, &Item), within: Duration) -> anyhow::Result<u8> {
    let Some(send) = &item.send else {
        bail!(
            "no message with a code shows `{}`: tick it with tidegate checklist {} --tick {}",
            item.name,
            desks.course.name,
            item.name
        );
    };
    let clock = Clock::system();
    let began = clock.now();
    let code = format!("tide-{}", &Uuid::new_v4().simple().to_string()[..8]);
    println!("{send}, as a customer would, with {code} in its subject.");
    let mut lookout = Lookout::new(desks.course.source.as_ref(), desks.course.target.as_ref(), &code, began);
    let mut trouble = String::new();
    while (clock.now() - began).to_std().unwrap_or_default() < within {
        match lookout.look(clock.now()).await {
            Ok(Some(arrived)) => return judge(ledger, (list, item), (&arrived, &code), &clock).await,
            Ok(None) => trouble.clear(),
            Err((side, fault)) => trouble = format!("; the {} desk could not be asked: {fault}", desk_name(side)),
        }
        task::delay(LOOK.min(within)).await;
    }
    println!("{code} did not arrive at either desk within {} s. `{}` is not ticked{trouble}.", within.as_secs(), item.name);
    Ok(1)
}

async fn judge(
    ledger: &Ledger,
    (list, item): (&List, &Item),
    (arrived, code): (&Arrived, &str),
    clock: &Clock,
) -> anyhow::Result<u8> {
    let evidence = arrived.evidence(code);
    ledger.note_sent(list.mirror, (arrived.side, &arrived.ticket), code, clock.now()).await?;
    if arrived.side != list.to {
        println!("{evidence}, which is the wrong one. `{}` is not ticked: {}", item.name, item.what);
        return Ok(1);
    }
    done(ledger, (list, item), Some(evidence), clock).await
}
