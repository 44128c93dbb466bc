//! `tidegate recover`

use crate::clock::Clock;
use crate::config::settings::Settings;

use super::open;

/// Begins a recovery of every mirror.
pub async fn run(settings: &Settings) -> anyhow::Result<u8> {
    let opened = open::ledger(settings).await?;
    opened.ledger.recover(Clock::system().now()).await?;
    println!(
        "Polls begin again an hour earlier, and what the source had until now is looked up in the target before it is made."
    );
    opened.close().await;
    Ok(0)
}
