//! `tidegate backfill MIRROR`

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::bail;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::clock::{Clock, Monotonic};
use crate::config::settings::Settings;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::{self, Ledger};
use crate::mirror::MirrorId;

use super::cutover::before_switch;
use super::findings;
use super::open::{self, Opened};
use super::rehearse;
use super::through::{Ended, Stand, see_through, until_done};

/// How often it is told where there is no terminal for a bar.
const LINE: Duration = Duration::from_secs(10);

/// Options of `backfill`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The mirror's name
    pub mirror: String,
    /// Order the copy and return; a running `tidegate serve` makes it
    #[arg(long)]
    pub detach: bool,
    /// Rehearse: copy about so many telling tickets only, and show both desks side by side
    #[arg(long, value_name = "N", conflicts_with = "tickets", value_parser = clap::value_parser!(u16).range(1..=200))]
    pub sample: Option<u16>,
    /// Rehearse with these tickets of the old desk
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub tickets: Vec<String>,
    /// Print what would be written for the sample or the tickets, and write nothing
    #[arg(long, conflicts_with = "detach")]
    pub dry_run: bool,
}

/// Makes the copy, or watches the gateway that makes it. Exit status 0 when it is done.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    let done = order(&opened, settings, &args).await;
    opened.close().await;
    done
}

async fn order(opened: &Opened, settings: &Settings, args: &Args) -> anyhow::Result<u8> {
    let row = opened.ledger.mirror(&args.mirror).await?;
    before_switch(&row)?;
    if args.dry_run && args.sample.is_none() && args.tickets.is_empty() {
        bail!("--dry-run needs to know for which tickets: --sample 20, or --tickets 1,2,3");
    }
    let now = Clock::system().now();
    if !args.dry_run && opened.ledger.backfill(row.id, false, now).await?.is_none() {
        findings::gate(&opened.ledger, &row).await?;
    }
    if args.sample.is_some() || !args.tickets.is_empty() {
        return rehearse::run(opened, settings, &row, args).await;
    }
    opened.ledger.backfill(row.id, true, now).await?;
    if args.detach {
        println!("The copy of {} is ordered; `tidegate status {}` shows it.", row.name, row.name);
        return Ok(0);
    }
    let clock = Clock::system();
    let ended = see_through(opened, settings, (&row, "copy"), watch(&opened.ledger, &row, &clock)).await?;
    match ended {
        Ended::Done => {}
        Ended::StoppedHere => println!("Stopped. `tidegate backfill {}` goes on where this was.", row.name),
        Ended::GoesOn => println!("The copy goes on in the gateway; `tidegate status {}` shows it.", row.name),
    }
    Ok(u8::from(ended != Ended::Done))
}

/// Shows the copy until it is done. Errors: the mirror is paused, or the ledger stays away.
pub async fn watch(ledger: &Ledger, row: &MirrorRow, clock: &Clock) -> anyhow::Result<()> {
    let mut display = Display::new();
    until_done(&row.name, async || {
        let copy = look(ledger, row.id, clock).await?;
        match copy.done {
            true => display.end(&copy),
            false => display.show(&copy),
        }
        Ok(match copy.paused {
            Some(why) => Stand::Paused(why),
            None if copy.done => Stand::Done,
            None => Stand::Going,
        })
    })
    .await
}

/// Where a copy stands.
struct Copy {
    done: bool,
    paused: Option<String>,
    copied: u64,
    total: u64,
    /// For people.
    words: String,
}

async fn look(ledger: &Ledger, mirror: MirrorId, clock: &Clock) -> ledger::Result<Copy> {
    let run = ledger.backfill(mirror, false, clock.now()).await?;
    let status = ledger.status(mirror, clock.now()).await?;
    let listed = run.as_ref().map_or(status.copied, |run| run.total.unwrap_or(run.listed).max(run.listed));
    let row = ledger.mirrors().await?.into_iter().find(|row| row.id == mirror);
    Ok(Copy {
        done: run.is_none(),
        paused: row.and_then(|row| row.paused_why).filter(|_| run.is_some()),
        copied: status.copied.min(listed).unsigned_abs(),
        total: listed.unsigned_abs(),
        words: format!("{} messages, {} waiting, {} parked", status.messages, status.waiting, status.parked),
    })
}

/// A bar on a terminal, else a line now and then.
struct Display {
    bar: ProgressBar,
    is_terminal: bool,
    begun: bool,
    told: Monotonic,
}

impl Display {
    fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        // Hidden it still reckons the time left.
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template("full copy {bar:30} {pos}/{len} tickets, {left} left; {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).with_key("left", left));
        Self { bar, is_terminal, begun: false, told: Monotonic::now() }
    }

    fn show(&mut self, copy: &Copy) {
        if copy.total == 0 {
            return;
        }
        self.bar.set_length(copy.total);
        self.bar.set_position(copy.copied);
        self.bar.set_message(copy.words.clone());
        if !self.begun {
            // What an earlier run copied says nothing about how fast this one is.
            self.bar.reset_eta();
            self.begun = true;
        }
        if !self.is_terminal && self.told.elapsed() >= LINE {
            self.told = Monotonic::now();
            let left = time_left(copy.copied, self.bar.eta());
            eprintln!("full copy {}/{} tickets, {left} left; {}", copy.copied, copy.total, copy.words);
        }
    }

    fn end(&self, copy: &Copy) {
        self.bar.finish_and_clear();
        eprintln!("full copy done: {} tickets, {}", copy.copied, copy.words);
    }
}

fn left(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    let _ = out.write_str(&time_left(state.pos(), state.eta()));
}

/// Nobody knows before the first ticket is there.
fn time_left(copied: u64, eta: Duration) -> String {
    if copied == 0 { "unknown time".to_string() } else { HumanDuration(eta).to_string() }
}
