//! `tidegate serve`

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::gateway::serve::{Gateway, Parts};
use crate::replay::course::GoOn;
use crate::replay::engine;

use super::open;

/// Serves until Ctrl-C or SIGTERM, then lets what is under way finish.
pub async fn run(settings: &Settings) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    info!(place = opened.place, "the ledger is open");
    let parts = Parts {
        ledger: opened.ledger.clone(),
        clock: Clock::system(),
        settings: engine::Settings { workers: usize::from(settings.workers), ..engine::Settings::default() },
        steps: Arc::new(GoOn),
        largest_delivery: usize::try_from(settings.largest_delivery).unwrap_or(usize::MAX),
        webhook_retry: Duration::from_secs(120),
    };
    let mut gateway = Gateway::start(parts);
    let address = gateway.listen(settings.listen).await?;
    info!(%address, "listening");
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    info!("stopping: what is under way is finished first");
    gateway.stop().await;
    opened.close().await;
    Ok(0)
}
