//! `tidegate sim VENDOR`

use std::net::SocketAddr;

use anyhow::{Context, bail};

use crate::clock::Clock;
use crate::sim::faults::{NAMES, Rates};
use crate::sim::server::{self, Options};
use crate::sim::story::Story;
use crate::sim::story::vocabulary::Vocabulary;

/// Options of `sim`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// zendesk or request-tracker
    pub vendor: String,
    /// Address of its API; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Tickets of a believable past
    #[arg(long, default_value_t = 0)]
    pub tickets: usize,
    /// What goes wrong: none, some or hell
    #[arg(long, default_value = "none")]
    pub faults: String,
    /// The same seed tells the same past and lets the same things go wrong
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Enforce the vendor's rate limits
    #[arg(long)]
    pub limits: bool,
}

/// Runs a simulated desk until Ctrl-C.
pub async fn run(args: Args) -> anyhow::Result<u8> {
    let Some(rates) = Rates::named(&args.faults) else { bail!("--faults takes one of {}", NAMES.join(", ")) };
    let clock = Clock::adjustable();
    let options = Options { seed: args.seed, rates, clock: clock.clone(), limits: args.limits, ..Options::default() };
    let running = server::start(&args.vendor, args.listen, options).await.context("the simulated desk cannot start")?;
    if args.tickets > 0 {
        let words = vocabulary(&args.vendor)?;
        Story::new(args.seed, clock, words.clone(), words).history(running.stage.as_ref(), args.tickets);
    }
    println!("{} answers at {}", args.vendor, running.url);
    println!("credentials: {}", running.credentials);
    println!("control: {}/_sim", running.url);
    tokio::signal::ctrl_c().await?;
    running.stop().await;
    Ok(0)
}

/// The words of a simulated desk.
pub fn vocabulary(vendor: &str) -> anyhow::Result<Vocabulary> {
    match vendor {
        "zendesk" => Ok(Vocabulary::zendesk()),
        "request-tracker" => Ok(Vocabulary::request_tracker()),
        other => bail!("there is no simulated `{other}`"),
    }
}
