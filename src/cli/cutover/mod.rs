//! `tidegate cutover MIRROR`

mod hands;
mod naming;
mod paper;

use std::time::Duration;

use anyhow::bail;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::cutover::gate::{EVERY, Ear};
use crate::cutover::switch::{Limits, Outcome, Report, Switch};
use crate::desk::Side;
use crate::gateway::connect::{Connected, connected};
use crate::ledger::Ledger;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::switch::{Kind, Run, Wish};
use crate::ledger::window::Part;
use crate::mirror::Phase;

use super::serve::length;
use super::{open, operator, window};
use hands::Real;

/// How long tickets in the middle of something are waited for after the turn.
const LATE: Duration = Duration::from_secs(10);

/// Options of `cutover`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// Only this window; without it all that the other desk leads
    #[arg(long, value_name = "WINDOW")]
    pub window: Option<String>,
    #[command(flatten)]
    pub what: What,
    /// Write what --name-new told of
    #[arg(long, requires = "name_new")]
    pub yes: bool,
    /// Pass these gates by; wants --reason
    #[arg(long, value_name = "GATES", value_delimiter = ',', requires = "reason")]
    pub waive: Vec<String>,
    /// Pass every gate by that can be passed by; wants --reason
    #[arg(long, requires = "reason")]
    pub force: bool,
    /// Why gates are passed by; kept with your name
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The longest that a change may have waited
    #[arg(long, value_name = "TIME", value_parser = length, default_value = "60s")]
    pub lag: Duration,
    /// How long what was marked may take to be applied
    #[arg(long, value_name = "TIME", value_parser = length, default_value = "2m")]
    pub within: Duration,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(multiple = false)]
pub struct What {
    /// Do everything but the switch, and tell how long it would take
    #[arg(long)]
    pub rehearse: bool,
    /// Let the new desk lead, or go on with a switch that was begun
    #[arg(long)]
    pub go: bool,
    /// Let the old desk lead again, through the same gate
    #[arg(long)]
    pub back: bool,
    /// Give up a switch that has not turned anything yet
    #[arg(long)]
    pub undo: bool,
    /// Once the new desk leads: tell what it takes to have each open ticket of the old desk name its new one in an internal note
    #[arg(long, conflicts_with_all = ["waive", "force", "json"])]
    pub name_new: bool,
}

/// Switches. Exit status 0 when it is done (or would be), 1 when the gate refused.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = switch(&opened.ledger, settings, &args).await;
    opened.close().await;
    done
}

async fn switch(ledger: &Ledger, settings: &Settings, args: &Args) -> anyhow::Result<u8> {
    let row = ledger.mirror(&args.mirror).await?;
    let window = window::named(ledger, &row, args.window.as_deref()).await?;
    if args.what.name_new {
        return naming::run(ledger, settings, (&row, window.as_ref()), args.yes).await;
    }
    let open = ledger.open_switch(row.id).await?;
    if args.what.undo {
        return undo(ledger, &row, open, window.as_ref()).await;
    }
    let wish = wish(&row, open.as_ref(), window.as_ref(), args)?;
    let clock = Clock::system();
    let desks = connected(&row, ledger, &clock)?;
    let real = Real { ledger, clock: &clock, desks: &desks, row: &row, told: !args.json };
    let switch = Switch {
        ledger,
        clock: &clock,
        mirror: &row,
        source: desks.course.source.as_ref(),
        target: desks.course.target.as_ref(),
        ears: ears(&desks),
        silence: [desks.config.policy.source_silence, desks.config.policy.silence],
        limits: Limits { lag: args.lag, within: args.within, late: LATE },
        hands: &real,
    };
    let report = switch.run(&wish).await?;
    let code = tell(ledger, &desks, (&row, &wish), &report, args.json).await;
    desks.flush().await;
    code
}

/// How both desks are heard.
pub fn ears(desks: &Connected) -> [Ear; 2] {
    [Side::Source, Side::Target].map(|side| {
        let connection = desks.config.connection(side);
        Ear { side, webhook: connection.webhook.is_some(), every: connection.poll.every }
    })
}

async fn undo(ledger: &Ledger, row: &MirrorRow, open: Option<Run>, window: Option<&Part>) -> anyhow::Result<u8> {
    let name = &row.name;
    let Some(run) = open else { bail!("no switch of {name} is under way") };
    let went = format!("tidegate cutover {name} {}", run.options());
    if window.is_some_and(|part| run.window != Some(part.id)) {
        bail!("no switch of that window is under way, but this one: {went}");
    }
    if run.turned_at.is_some() {
        let back = Kind::towards(run.to.other()).verb();
        bail!("this switch has turned already: finish it with {went}; then --{back} is the way back");
    }
    ledger.end_switch(row.id, &run, "undone", Clock::system().now()).await?;
    println!("The switch of {name} ({went}) is given up. Nothing was changed.");
    Ok(0)
}

/// What is asked for, if it can be asked for now. Errors: what it has to be instead.
fn wish(row: &MirrorRow, open: Option<&Run>, window: Option<&Part>, args: &Args) -> anyhow::Result<Wish> {
    let kind = match args.what {
        What { rehearse: true, .. } => Kind::Rehearsal,
        What { back: true, .. } => Kind::Back,
        What { go: true, .. } => Kind::Go,
        _ => bail!("say what to do: --rehearse, --go, --back, --undo or --name-new"),
    };
    let part = window.map(|part| part.id);
    if open.is_none_or(|run| run.kind != kind || run.window != part) {
        refuse_phase(row, open, kind)?;
        refuse_lead(row, window, kind)?;
    }
    let to = match kind {
        Kind::Go => Side::Target,
        Kind::Back => Side::Source,
        // What is left to be switched; where nothing is left, the way back.
        Kind::Rehearsal | Kind::Retire => match window {
            Some(part) => part.leads.other(),
            None => row.leads.other(),
        },
    };
    let waived = if args.force { vec![EVERY.to_string()] } else { args.waive.clone() };
    Ok(Wish { kind, to, window: part, who: operator::name(), waived, reason: args.reason.clone() })
}

fn refuse_phase(row: &MirrorRow, open: Option<&Run>, kind: Kind) -> anyhow::Result<()> {
    let name = &row.name;
    match (row.phase, open) {
        (Phase::Retired, _) => bail!("{name} is retired: nothing is carried any more, in either direction"),
        (Phase::Applied | Phase::Rehearsing | Phase::Copying, _) => {
            bail!("{name} is not copied yet: run tidegate backfill {name}, and tidegate check {name} when it is done")
        }
        (_, Some(run)) if matches!(run.kind, Kind::Go | Kind::Back) => {
            let (options, who, what) = (run.options(), &run.who, kind.verb());
            let at = run.began_at.format("%F %T UTC");
            let begun = format!(
                "{who} began `tidegate cutover {name} {options}` at {at}, and one switch of {name} is under way at a time"
            );
            match run.turned_at {
                None => bail!(
                    "{begun}: finish that, or give it up with tidegate cutover {name} --undo, then --{what} can be asked for"
                ),
                Some(_) => bail!("{begun}: it has turned, so finish it with the same command, then --{what} can be asked for"),
            }
        }
        _ => Ok(()),
    }
}

/// Refuses to turn what is turned.
fn refuse_lead(row: &MirrorRow, window: Option<&Part>, kind: Kind) -> anyhow::Result<()> {
    let name = &row.name;
    let what = window.map_or_else(|| name.clone(), |part| format!("window {} of {name}", part.name));
    let leads = match (window, row.phase) {
        (Some(part), _) => part.leads,
        // Some of it is left to be turned either way.
        (None, Phase::PartlySwitched) => return Ok(()),
        (None, _) => row.leads,
    };
    match (leads, kind) {
        (Side::Target, Kind::Go) => {
            let back = Kind::Back.options(window.map(|part| part.name.as_str()));
            bail!("the new desk leads {what} already; the way back is tidegate cutover {name} {back}")
        }
        (Side::Source, Kind::Back) => bail!("the old desk leads {what}: there is nothing to come back from"),
        _ => Ok(()),
    }
}

/// Refuses what belongs to the time before the switch.
pub fn before_switch(row: &MirrorRow) -> anyhow::Result<()> {
    let name = &row.name;
    match row.phase {
        phase if phase.is_before_switch() => Ok(()),
        Phase::Retired => bail!("{name} is retired: nothing is carried any more"),
        phase => bail!(
            "{name} is {}: copies are made and taken back only while the old desk leads all of it (tidegate cutover {name} --back)",
            phase.as_str()
        ),
    }
}

async fn tell(
    ledger: &Ledger,
    desks: &Connected,
    (row, wish): (&MirrorRow, &Wish),
    report: &Report,
    json: bool,
) -> anyhow::Result<u8> {
    let code = u8::from(report.outcome != Outcome::Done);
    let turned = report.outcome == Outcome::Done && matches!(wish.kind, Kind::Go | Kind::Back);
    if json {
        let mut told = serde_json::to_value(report)?;
        if turned {
            told["open_tickets"] = serde_json::to_value(paper::due(ledger, desks, report, wish.to).await)?;
        }
        println!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(code);
    }
    paper::lines(row, wish, report).iter().for_each(|line| println!("{line}"));
    if turned {
        paper::afterwards(ledger, desks, report, wish.to).await?.iter().for_each(|line| println!("{line}"));
    }
    Ok(code)
}
