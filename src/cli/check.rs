//! `tidegate check MIRROR`

use anyhow::bail;
use serde_json::json;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::cutover::parity::{Bench, Options, Which, check, check_pairs};
use crate::cutover::repair::{Repaired, repair};
use crate::cutover::report::{Kind, Report};
use crate::gateway::connect::{bench, connected};
use crate::ledger::Ledger;
use crate::mirror::PairId;

use super::{accept, bar, open, operator};

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// Read every ticket anew, not only those that changed since they were compared
    #[arg(long)]
    pub all: bool,
    /// Read only so many tickets, spread over all
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub sample: Option<usize>,
    /// Read only this ticket, by its number in either desk
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["all", "sample"])]
    pub ticket: Option<String>,
    /// Show differences of this kind alone, and all of them: exposed, "missing ticket", words, field, …
    #[arg(long, value_parser = kind)]
    pub kind: Option<Kind>,
    /// Do not fetch files to compare their bytes
    #[arg(long)]
    pub without_bytes: bool,
    /// Afterwards send what differs through the normal path once more, where that can mend it
    #[arg(long)]
    pub repair: bool,
    /// Take what the last check found as it is: all differences of this ticket, or all of this kind; reads nothing
    #[arg(long, value_name = "TICKET|KIND", requires = "reason", conflicts_with_all = READS)]
    pub accept: Option<String>,
    /// Why it is accepted
    #[arg(long, value_name = "TEXT", requires = "accept")]
    pub reason: Option<String>,
    /// Take an acceptance back
    #[arg(long, value_name = "TICKET|KIND", conflicts_with = "accept", conflicts_with_all = READS)]
    pub unaccept: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of a check that reads the desks.
const READS: [&str; 7] = ["all", "sample", "ticket", "kind", "without_bytes", "repair", "json"];

fn kind(word: &str) -> Result<Kind, String> {
    let words = || Kind::ALL.map(Kind::word).join(", ");
    Kind::of(word).ok_or_else(|| format!("there are: {}", words()))
}

/// Compares both desks. Exit status 0 only at parity.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = match (&args.accept, &args.reason, &args.unaccept) {
        (Some(what), Some(reason), _) => accept::accept(&opened.ledger, &args.mirror, what, reason).await,
        (_, _, Some(what)) => accept::unaccept(&opened.ledger, &args.mirror, what).await,
        _ => check_it(&opened.ledger, &args).await,
    };
    opened.close().await;
    done
}

async fn check_it(ledger: &Ledger, args: &Args) -> anyhow::Result<u8> {
    let (report, repaired) = look(ledger, args).await?;
    if args.json {
        let mut json = json!(report);
        if let Some(repaired) = repaired {
            json["repaired"] = json!(repaired);
        }
        println!("{}", serde_json::to_string_pretty(&json)?);
    } else {
        let lines = args.kind.map_or_else(|| report.lines(), |kind| report.lines_of(kind));
        lines
            .iter()
            .chain(&repaired.iter().flat_map(|one| told(one, &args.mirror)).collect::<Vec<_>>())
            .for_each(|line| println!("{line}"));
    }
    Ok(if report.at_parity() { 0 } else { 1 })
}

async fn look(ledger: &Ledger, args: &Args) -> anyhow::Result<(Report, Option<Repaired>)> {
    let clock = Clock::system();
    let row = ledger.mirror(&args.mirror).await?;
    let desks = connected(&row, ledger, &clock)?;
    let bench = bench(&desks.course, ledger, &clock);
    let done = compare(&bench, args).await;
    desks.flush().await;
    done
}

async fn compare(bench: &Bench<'_>, args: &Args) -> anyhow::Result<(Report, Option<Repaired>)> {
    let which = match args.sample {
        Some(most) => Which::Sample(most),
        None if args.all => Which::All,
        None => Which::Changed,
    };
    let options = Options { which, bytes: !args.without_bytes, kind: args.kind, ..Options::default() };
    let only = match &args.ticket {
        Some(number) => Some(pairs_of(bench, number).await?),
        None => None,
    };
    let report = match &only {
        Some(pairs) => check_pairs(bench, &options, pairs).await?,
        None => watched(bench, options.clone()).await?,
    };
    let repaired = match args.repair {
        true => Some(repair(bench, &options, only.as_deref(), &operator::name()).await?),
        false => None,
    };
    Ok((report, repaired))
}

async fn pairs_of(bench: &Bench<'_>, number: &str) -> anyhow::Result<Vec<PairId>> {
    let pairs = bench.ledger.pairs_of_number(bench.mirror, number).await?;
    if pairs.is_empty() {
        bail!(
            "no ticket {number} is known, neither of the old desk nor of the new one; a check without --ticket looks for lost ones"
        );
    }
    Ok(pairs.into_iter().map(|pair| pair.id).collect())
}

/// A check with its progress on the terminal.
async fn watched(bench: &Bench<'_>, options: Options) -> anyhow::Result<Report> {
    if let Which::Sample(most) = options.which {
        eprintln!("A sample: about {most} tickets, spread over all. The others are not read.");
    }
    let bar = bar::of_tickets();
    let report = check(bench, options, |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        bar.set_message(format!("{} different, {} moving, ", progress.different, progress.moving));
    })
    .await;
    bar.finish_and_clear();
    Ok(report?)
}

/// What a repair comes to, for people.
fn told(repaired: &Repaired, mirror: &str) -> Vec<String> {
    let Repaired { tickets, differences, by_hand, moved } = repaired;
    let mut lines = vec![format!("repair: {tickets} tickets are sent through the normal path ({differences} differences)")];
    if *by_hand > 0 {
        lines.push(format!("repair: {by_hand} differences are for people, as said above"));
    }
    if *moved > 0 {
        lines.push(format!("repair: {moved} tickets changed meanwhile or are parked: nothing was ordered for them"));
    }
    if *tickets > 0 {
        lines.push(format!("next: tidegate serve carries them; then tidegate check {mirror}"));
    }
    lines
}
