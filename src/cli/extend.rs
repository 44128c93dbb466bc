//! `tidegate extend MIRROR`

use crate::clock::{Clock, delta};
use crate::config::settings::Settings;
use crate::cutover::retention::limits;
use crate::ledger::retention::Extension;
use crate::ledger::{Error, Ledger};

use super::{open, operator};

/// Options of `extend`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// So many days longer
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=3650))]
    pub days: u16,
    /// Why; it is recorded with your name
    #[arg(long, value_name = "WHY")]
    pub reason: String,
}

/// Keeps what is known of a mirror longer.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = extend(&opened.ledger, &args).await;
    opened.close().await;
    done
}

async fn extend(ledger: &Ledger, args: &Args) -> anyhow::Result<u8> {
    let row = ledger.mirror(&args.mirror).await?;
    let (reason, who) = (args.reason.trim().to_string(), operator::name());
    anyhow::ensure!(!reason.is_empty(), "say why with --reason: it is recorded");
    let more = Extension { days: i32::from(args.days), reason, who, at: Clock::system().now() };
    if !ledger.extend(row.id, &more).await? {
        return Err(Error::Purged(row.name).into());
    }
    let until = ledger.keeping(row.id).await?.until(delta(limits(&row).after_retirement));
    match until {
        Some(until) => println!("What is known of {} is kept until {}.", row.name, until.format("%F %T UTC")),
        None => println!("{} days more count for {} once it is retired.", args.days, row.name),
    }
    Ok(0)
}
