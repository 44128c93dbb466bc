//! `tidegate demo`: two simulated desks, a full copy, then people at work on both sides while the mirror follows. In the end an
//! independent judge compares the two desks' own stores with the story's own log.

pub mod agreement;
pub mod killer;
pub mod report;
pub mod scene;

use std::time::Duration;

use anyhow::{Context, bail};

use crate::config::duration;
use crate::config::settings::Settings;
use crate::sim::faults::{NAMES, Rates};

/// Options of `demo`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Tickets in the source's past
    #[arg(long, default_value_t = 300)]
    pub tickets: usize,
    /// Things that people do, both sides together
    #[arg(long, default_value_t = 4.0)]
    pub changes_per_second: f64,
    /// How long they go on, such as 20s; until Ctrl-C if not given
    #[arg(long = "for", value_name = "TIME", value_parser = length)]
    pub duration: Option<Duration>,
    /// The same seed tells the same story
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// What goes wrong at both desks and with the gateway: none, some or hell
    #[arg(long, default_value = "none", value_parser = NAMES)]
    pub faults: String,
    /// Print one JSON summary and nothing else
    #[arg(long)]
    pub json: bool,
    /// Drop every webhook: the poll alone has to bring everything
    #[arg(long)]
    pub without_webhooks: bool,
}

impl Args {
    /// Tells people what goes on; silent where a program reads.
    fn say(&self, words: &str) {
        if !self.json {
            eprintln!("{words}");
        }
    }
}

fn length(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| format!("`{text}` is no length of time; write 20s, 5m or 2h"))
}

/// Runs the demo. Exit status 0 only if both desks' own stores agree with the story.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let Some(mut rates) = Rates::named(&args.faults) else { bail!("--faults takes one of {}", NAMES.join(", ")) };
    if args.without_webhooks {
        rates.drop = 1.0;
    }
    if !(0.0..=1000.0).contains(&args.changes_per_second) {
        bail!("--changes-per-second takes a number from 0 to 1000");
    }
    args.say("Setting up two simulated helpdesks, their past, a private Postgres and the gateway.");
    let mut scene = scene::Scene::set(settings, &args, rates).await.context("the demo cannot be set up")?;
    let outcome = scene.play().await;
    let summary = match outcome {
        Ok(()) => scene.judge().await,
        Err(error) => Err(error),
    };
    scene.strike().await;
    let summary = summary?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&summary)?);
    } else {
        summary.lines().iter().for_each(|line| println!("{line}"));
    }
    Ok(if summary.agrees { 0 } else { 1 })
}
