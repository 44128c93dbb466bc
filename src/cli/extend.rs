//! `tidegate extend MIRROR`

use anyhow::bail;
use chrono::{DateTime, Utc};

use crate::clock::{Clock, delta};
use crate::config::settings::Settings;
use crate::cutover::retention::limits;
use crate::ledger::extension::{Extension, Term};
use crate::ledger::mirror::MirrorRow;
use crate::ledger::run::DAYS;
use crate::ledger::{Error, Ledger};

use super::run::plan_of;
use super::{open, operator};

/// Options of `extend`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// Runs may start for so many days more than ten after the copy
    #[arg(long, value_name = "DAYS", group = "more", requires = "reason", value_parser = days())]
    pub runs: Option<u16>,
    /// What is known of the tickets is kept for so many days more after the retirement
    #[arg(long, value_name = "DAYS", group = "more", requires = "reason", value_parser = days())]
    pub keep: Option<u16>,
    /// Why; it is recorded with your name
    #[arg(long, value_name = "TEXT", requires = "more")]
    pub reason: Option<String>,
}

fn days() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(1..=3650)
}

/// Adds days, or shows those that were added.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = extend(&opened.ledger, &args).await;
    opened.close().await;
    done
}

async fn extend(ledger: &Ledger, args: &Args) -> anyhow::Result<u8> {
    let row = ledger.mirror(&args.mirror).await?;
    let (term, days) = match (args.runs, args.keep) {
        (Some(days), _) => (Term::Runs, days),
        (None, Some(days)) => (Term::Keeping, days),
        (None, None) => return history(ledger, &row).await,
    };
    if term == Term::Runs && plan_of(&row).is_none() {
        bail!("{} is a live mirror: no runs are begun, and `tidegate serve` carries its changes without an end", row.name);
    }
    let reason = args.reason.as_deref().unwrap_or_default().trim().to_string();
    anyhow::ensure!(!reason.is_empty(), "say why with --reason: it is recorded");
    let more = Extension { term, days: i32::from(days), reason, who: operator::name(), at: Clock::system().now() };
    if !ledger.extend(row.id, &more).await? {
        return Err(Error::Purged(row.name).into());
    }
    println!("{}", until(ledger, &row, term).await?);
    Ok(0)
}

/// What was added so far, and what it comes to.
async fn history(ledger: &Ledger, row: &MirrorRow) -> anyhow::Result<u8> {
    for one in ledger.extensions(row.id).await? {
        let Extension { term, days, reason, who, at } = &one;
        let what = if *term == Term::Runs { "--runs" } else { "--keep" };
        println!("{} {what} {days}, by {who}: {reason}", minute(*at));
    }
    if plan_of(row).is_some() {
        println!("{}", until(ledger, row, Term::Runs).await?);
    }
    println!("{}", until(ledger, row, Term::Keeping).await?);
    Ok(0)
}

/// Until when a term lasts now, a sentence.
async fn until(ledger: &Ledger, row: &MirrorRow, term: Term) -> anyhow::Result<String> {
    let name = &row.name;
    Ok(match term {
        Term::Runs => match ledger.before_run(row.id).await?.deadline() {
            Some(deadline) => format!("Runs of {name} may start until {}.", minute(deadline)),
            None => format!("Nothing of {name} is copied yet: runs may start for {DAYS} days from a copy on."),
        },
        Term::Keeping => {
            let (keeping, usual) = (ledger.keeping(row.id).await?, limits(row).after_retirement);
            let until = keeping.until(delta(usual)).map(minute).unwrap_or_else(|| {
                let more: i32 = keeping.extensions.iter().map(|one| one.days).sum();
                format!("{} days after its retirement", usual.as_secs() / 86_400 + u64::from(more.unsigned_abs()))
            });
            format!("What is known of the tickets of {name} is kept until {until}.")
        }
    })
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%F %H:%M UTC").to_string()
}
