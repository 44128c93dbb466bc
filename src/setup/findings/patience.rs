//! Asking a desk that is busy or away for a moment. A check has time.

use std::time::Duration;

use crate::connectors::fault::Fault;
use crate::task;

/// So often a desk that does not answer is asked again.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_secs(2);
/// A desk that asks us to slow down is not waited for longer at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Asks until the desk answers: as long as it asks us to slow down, and a few times where it does not answer.
pub async fn patiently<T, F: Future<Output = Result<T, Fault>>>(ask: impl Fn() -> F) -> Result<T, Fault> {
    let mut tries = 0;
    loop {
        match ask().await {
            Err(Fault::Throttled { retry_after, .. }) => task::delay(retry_after.unwrap_or(PAUSE).min(LONGEST_WAIT)).await,
            Err(Fault::Unreachable { .. }) if tries + 1 < TRIES => {
                tries += 1;
                task::delay(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}
