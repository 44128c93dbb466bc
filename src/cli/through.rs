//! Sees through what a gateway does: watches it, and is the gateway itself where none is at work.

use std::time::Duration;

use anyhow::bail;

use crate::clock::Monotonic;
use crate::config::settings::Settings;
use crate::gateway::serve::Gateway;
use crate::ledger::mirror::MirrorRow;
use crate::ledger::{self, Role};
use crate::replay::house;
use crate::task;

use super::open::Opened;
use super::serve::{parts, told_to_stop};

/// How often the work is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// How often it is asked whether a gateway is at work.
const ASK: Duration = Duration::from_secs(1);
/// So many times in a row there was none: one that lost its ledger for a moment is not taken for gone.
const GONE: u32 = 3;
/// How long the ledger may be away while the work is watched.
const AWAY_LIMIT: Duration = Duration::from_secs(60);

/// Where the work stands.
pub enum Stand {
    /// Nothing goes on, and why.
    Paused(String),
    Going,
    Done,
}

/// Looks until the work is done. Errors: the mirror `name` is paused, or the ledger stays away.
pub async fn until_done(name: &str, mut look: impl AsyncFnMut() -> ledger::Result<Stand>) -> anyhow::Result<()> {
    let mut answered = Monotonic::now();
    loop {
        match look().await {
            Ok(Stand::Paused(why)) => bail!("{name} is paused ({why}); `tidegate mirror resume {name}` goes on"),
            Ok(Stand::Done) => return Ok(()),
            Ok(Stand::Going) => answered = Monotonic::now(),
            Err(error) if error.is_away() && answered.elapsed() < AWAY_LIMIT => {}
            Err(error) => return Err(error.into()),
        }
        task::delay(LOOK).await;
    }
}

/// How the watching ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Done,
    /// We were told to stop, and with us stopped the gateway that we were.
    StoppedHere,
    /// We were told to stop; a gateway elsewhere goes on.
    GoesOn,
}

/// Watches `work` (`what`: a copy, a run) to its end, or until we are told to stop. Where no gateway is at work one is started here for
/// it; it is stopped when this returns.
pub async fn see_through(
    opened: &Opened,
    settings: &Settings,
    (row, what): (&MirrorRow, &str),
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Ended> {
    let mut own = None;
    let outcome = watched(opened, settings, (row, what), &mut own, work).await;
    let here = own.is_some();
    if let Some(gateway) = own {
        gateway.stop().await;
    }
    Ok(match outcome? {
        true => Ended::Done,
        false if here => Ended::StoppedHere,
        false => Ended::GoesOn,
    })
}

/// Whether the work is done; else we were told to stop.
async fn watched(
    opened: &Opened,
    settings: &Settings,
    (row, what): (&MirrorRow, &str),
    own: &mut Option<Gateway>,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<bool> {
    match opened.ledger.gateway_works().await? {
        true => println!("A `tidegate serve` makes the {what}; Ctrl-C here stops only this display."),
        false => *own = Some(alone(opened, settings, (row, what)).await?),
    }
    let stopped = told_to_stop();
    tokio::pin!(work, stopped);
    let mut missing = 0;
    loop {
        tokio::select! {
            done = &mut work => return done.map(|()| true),
            done = &mut stopped => return Ok(done.map(|()| false)?),
            why = opened.failed() => return Err(why),
            () = task::delay(ASK), if own.is_none() => {
                let works = opened.ledger.gateway_works().await.unwrap_or(false);
                missing = if works { 0 } else { missing + 1 };
                if missing == GONE {
                    *own = Some(alone(opened, settings, (row, what)).await?);
                }
            }
        }
    }
}

/// A gateway in this process, for this mirror only. It does not listen: changes made meanwhile come by poll.
async fn alone(opened: &Opened, settings: &Settings, (row, what): (&MirrorRow, &str)) -> anyhow::Result<Gateway> {
    println!("No `tidegate serve` is running, so the {what} is made here; Ctrl-C stops it, and the same command goes on.");
    let engine = house::Settings { workers: usize::from(settings.workers), only: Some(row.id), ..house::Settings::default() };
    let ledger = opened.again(settings, Role::Gateway).await?;
    Ok(Gateway::start(parts(ledger, settings, engine)))
}
