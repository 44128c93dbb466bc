//! `tidegate serve`

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::clock::Clock;
use crate::config::duration;
use crate::config::settings::Settings;
use crate::connectors::http::CALL_LIMIT;
use crate::gateway::serve::{Gateway, Parts};
use crate::ledger::Ledger;
use crate::replay::course::GoOn;
use crate::replay::house;

use super::open;

/// Options of `serve`. Hidden ones: nobody needs them to run a mirror; they are for those who measure what happens when a
/// process is suspended or killed. All processes on one Postgres must be given the same.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// How long a ticket is held by the process that works on it; at least twice the call limit
    #[arg(long, env = "TIDEGATE_LEASE", hide = true, value_name = "TIME", value_parser = length)]
    lease: Option<Duration>,

    /// How long a ticket rests after its lease ran out, because a write of the process that held it may still be on its way
    #[arg(long, env = "TIDEGATE_GRACE", hide = true, value_name = "TIME", value_parser = length)]
    grace: Option<Duration>,

    /// The longest that one call to a desk takes; one to twenty seconds
    #[arg(long, env = "TIDEGATE_CALL_LIMIT", hide = true, value_name = "TIME", value_parser = length)]
    call_limit: Option<Duration>,
}

/// A length of time as an option has it.
pub(super) fn length(text: &str) -> Result<Duration, String> {
    duration::parse(text).ok_or_else(|| format!("`{text}` is no length of time; write 20s or 5m"))
}

impl Args {
    /// How the engine works. Errors: a lease that no call fits into.
    fn engine(&self, workers: u16) -> anyhow::Result<house::Settings> {
        let usual = house::Settings::default();
        let settings = house::Settings {
            workers: usize::from(workers),
            lease: self.lease.unwrap_or(usual.lease),
            grace: self.grace.unwrap_or(usual.grace),
            call_limit: self.call_limit.unwrap_or(usual.call_limit),
            ..usual
        };
        if !(Duration::from_secs(1)..=CALL_LIMIT).contains(&settings.call_limit) {
            bail!("--call-limit takes a time from 1s to {}s", CALL_LIMIT.as_secs());
        }
        // It is prolonged after a third of it; what is left then must hold a whole call.
        if settings.lease < settings.call_limit * 2 {
            bail!("--lease must be at least twice the call limit of {}s", settings.call_limit.as_secs());
        }
        Ok(settings)
    }
}

/// Serves until Ctrl-C or SIGTERM, then lets what is under way finish.
pub async fn run(settings: &Settings, args: Args) -> anyhow::Result<u8> {
    let engine = args.engine(settings.workers)?;
    let opened = open::for_gateway(settings).await?;
    info!(place = opened.place, "the ledger is open");
    let mut gateway = Gateway::start(parts(opened.ledger.clone(), settings, engine));
    let listening = gateway.listen(settings.listen).await;
    let address = listening.with_context(|| format!("cannot listen at {} (choose another with --listen)", settings.listen))?;
    info!(%address, "listening");
    tokio::select! {
        done = told_to_stop() => done?,
        // Without a ledger nothing can be finished; the leases run out by themselves.
        why = opened.failed() => return Err(why),
    }
    info!("stopping: what is under way is finished first");
    gateway.stop().await;
    opened.close().await;
    Ok(0)
}

/// What a gateway of this program is made of.
pub fn parts(ledger: Ledger, settings: &Settings, engine: house::Settings) -> Parts {
    Parts {
        ledger,
        clock: Clock::system(),
        settings: engine,
        steps: Arc::new(GoOn),
        largest_delivery: usize::try_from(settings.largest_delivery).unwrap_or(usize::MAX),
        webhook_retry: Duration::from_secs(120),
    }
}

/// Returns at Ctrl-C or SIGTERM.
pub async fn told_to_stop() -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
