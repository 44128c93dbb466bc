//! `tidegate parked …`

use clap::Subcommand;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::Ledger;

use super::open;

/// What to do with what is parked.
#[derive(Debug, Subcommand)]
pub enum ParkedVerb {
    /// List what waits for a person, the urgent first
    List {
        /// One mirror; all if not given
        mirror: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one with what to do
    Show {
        /// The number that `parked list` shows
        id: i64,
    },
    /// Try it again
    Release {
        /// The number that `parked list` shows
        id: i64,
    },
    /// Give it up: the changes that wait are not carried
    Discard {
        /// The number that `parked list` shows
        id: i64,
    },
}

/// Runs it.
pub async fn run(settings: &Settings, verb: ParkedVerb) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = act(&opened.ledger, verb).await;
    opened.close().await;
    done
}

async fn act(ledger: &Ledger, verb: ParkedVerb) -> anyhow::Result<u8> {
    match verb {
        ParkedVerb::List { mirror, json } => {
            let mirror = match mirror {
                Some(name) => Some(ledger.mirror(&name).await?.id),
                None => None,
            };
            let parked = ledger.parked(mirror).await?;
            if json {
                println!("{}", serde_json::to_string_pretty(&parked)?);
            } else if parked.is_empty() {
                println!("Nothing waits for a person.");
            } else {
                for one in parked {
                    let urgent = if one.urgent { "URGENT " } else { "" };
                    println!("{:5}  {urgent}{}: {}\n       {}", one.id, one.kind, one.reason, one.advice);
                }
            }
            Ok(0)
        }
        ParkedVerb::Show { id } => show(ledger, id).await,
        ParkedVerb::Release { id } => decide(ledger, id, true).await,
        ParkedVerb::Discard { id } => decide(ledger, id, false).await,
    }
}

async fn show(ledger: &Ledger, id: i64) -> anyhow::Result<u8> {
    let Some(one) = ledger.parked(None).await?.into_iter().find(|one| one.id == id) else {
        eprintln!("Nothing with the number {id} waits; `tidegate parked list` shows what does.");
        return Ok(1);
    };
    println!("{}", serde_json::to_string_pretty(&one)?);
    Ok(0)
}

async fn decide(ledger: &Ledger, id: i64, release: bool) -> anyhow::Result<u8> {
    if !ledger.decide_parked(id, release, Clock::system().now()).await? {
        eprintln!("Nothing with the number {id} waits; `tidegate parked list` shows what does.");
        return Ok(1);
    }
    println!("{}", if release { "It is tried again." } else { "It is given up; later changes of the ticket are carried again." });
    Ok(0)
}
