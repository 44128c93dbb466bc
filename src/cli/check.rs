//! `tidegate check MIRROR`

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::cutover::parity::{Bench, Options, check};
use crate::gateway::connect::connected;

use super::open;

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    pub mirror: String,
    #[arg(long)]
    pub json: bool,
}

/// Compares both desks ticket by ticket. Exit status 0 only at parity.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = compare(&opened, &args).await;
    opened.close().await;
    done
}

async fn compare(opened: &open::Opened, args: &Args) -> anyhow::Result<u8> {
    let clock = Clock::system();
    let row = opened.ledger.mirror(&args.mirror).await?;
    let desks = connected(&row, &opened.ledger, &clock)?;
    let course = &desks.course;
    let bench = Bench {
        ledger: &opened.ledger,
        source: course.source.as_ref(),
        target: course.target.as_ref(),
        mapping: &course.mapping,
        policy: &course.policy,
        scope: &course.scope,
        keys: &course.keys,
        mirror: row.id,
        clock,
    };
    let report = check(&bench, Options::default(), |_| {}).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.lines().iter().for_each(|line| println!("{line}"));
    }
    Ok(u8::from(!report.at_parity()))
}
