//! `tidegate check MIRROR`

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::cutover::parity::{Bench, Options, check};
use crate::cutover::report::Report;
use crate::gateway::connect::connected;
use crate::ledger::Ledger;

use super::open;

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    pub mirror: String,
    /// Compare only so many tickets, spread over all
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,
    /// Do not fetch files to compare their bytes
    #[arg(long)]
    pub without_bytes: bool,
    #[arg(long)]
    pub json: bool,
}

/// Compares both desks. Exit status 0 only at parity.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let report = compare(&opened.ledger, &args).await;
    opened.close().await;
    let report = report?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.lines().iter().for_each(|line| println!("{line}"));
    }
    Ok(if report.at_parity() { 0 } else { 1 })
}

async fn compare(ledger: &Ledger, args: &Args) -> anyhow::Result<Report> {
    let clock = Clock::system();
    let row = ledger.mirror(&args.mirror).await?;
    let desks = connected(&row, ledger, &clock)?;
    let course = &desks.course;
    let bench = Bench {
        ledger,
        source: course.source.as_ref(),
        target: course.target.as_ref(),
        mapping: &course.mapping,
        policy: &course.policy,
        scope: &course.scope,
        keys: &course.keys,
        mirror: course.id,
        clock,
    };
    let options = Options { sample: args.sample, bytes: !args.without_bytes, ..Options::default() };
    let bar = bar();
    let report = check(&bench, options, |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    })
    .await?;
    bar.finish_and_clear();
    for budget in &desks.budgets {
        budget.flush().await;
    }
    Ok(report)
}

fn bar() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    bar.set_style(
        ProgressStyle::with_template("check {bar:30} {pos}/{len} tickets, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar
}
