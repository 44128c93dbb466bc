//! `tidegate backfill MIRROR`

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::ledger::Ledger;
use crate::mirror::MirrorId;
use crate::task::{self, stopper};

use super::open;

/// Options of `backfill`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// Start or go on with the copy and return; a running `tidegate serve` makes it
    #[arg(long)]
    pub detach: bool,
}

/// Starts the copy, or goes on with it, and shows its progress. The work is done by `tidegate serve`.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let row = opened.ledger.mirror(&args.mirror).await?;
    let clock = Clock::system();
    opened.ledger.backfill(row.id, true, clock.now()).await?;
    if args.detach {
        println!("The copy of {} is ordered; `tidegate status {}` shows it.", row.name, row.name);
    } else {
        println!("The copy is made by `tidegate serve`; Ctrl-C here stops only this display.");
        watch(&opened.ledger, row.id, &clock).await?;
    }
    opened.close().await;
    Ok(0)
}

/// Shows the copy until it is done.
pub async fn watch(ledger: &Ledger, mirror: MirrorId, clock: &Clock) -> anyhow::Result<()> {
    let bar = bar();
    let (_stopper, mut stop) = stopper();
    while let Some(run) = ledger.backfill(mirror, false, clock.now()).await? {
        let status = ledger.status(mirror, clock.now()).await?;
        let total = run.total.unwrap_or(run.listed).max(run.listed);
        bar.set_length(total.unsigned_abs());
        bar.set_position((status.copied).min(total).unsigned_abs());
        bar.set_message(format!("{} messages, {} waiting, {} parked", status.messages, status.waiting, status.parked));
        task::pause(Duration::from_millis(250), &mut stop).await;
    }
    let status = ledger.status(mirror, clock.now()).await?;
    bar.set_position(status.copied.unsigned_abs());
    bar.finish_with_message(format!("{} tickets, {} messages copied, {} parked", status.copied, status.messages, status.parked));
    Ok(())
}

fn bar() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let style = ProgressStyle::with_template("full copy {bar:30} {pos}/{len} tickets, {eta} left; {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
