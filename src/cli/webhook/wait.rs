//! Waiting for a delivery that proves itself, and telling meanwhile why others do not.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Monotonic;
use crate::ledger::feed::Witness;
use crate::task;

use super::Hook;
use super::show::{refused, time};

/// A running gateway asks the ledger every second what the operator wants.
pub const HEARD_WITHIN: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(200);

/// Waits for a genuine delivery after `begun`. Exit status 1 if none came in time.
pub async fn first_delivery(hook: &Hook<'_>, begun: &Witness, limit: Duration) -> anyhow::Result<u8> {
    println!("Waiting up to {} s for a genuine delivery at {}; any change of a ticket will do.", limit.as_secs(), hook.url);
    let came = until(hook, limit, |now| now.last_delivery_at.filter(|_| now.last_delivery_at > begun.last_delivery_at)).await?;
    if let Some(at) = came {
        let first = if begun.last_delivery_at.is_none() { "first" } else { "next" };
        println!("The {first} genuine delivery arrived at {}.", time(at));
        return Ok(0);
    }
    eprintln!("No genuine delivery came within {} s.", limit.as_secs());
    Ok(1)
}

/// Looks until `found` finds something in what the ledger knows, printing what is refused meanwhile.
pub async fn until<T>(hook: &Hook<'_>, limit: Duration, found: impl Fn(&Witness) -> Option<T>) -> anyhow::Result<Option<T>> {
    let began = Monotonic::now();
    let mut told = refusals(hook).await?;
    loop {
        let now = hook.witness().await?;
        for refusal in hook.ledger.refusals(hook.row.id, hook.side).await? {
            if told.insert(refusal.kind.clone(), refusal.times) != Some(refusal.times) {
                println!("{}", refused(&refusal));
            }
        }
        if let Some(found) = found(&now) {
            return Ok(Some(found));
        }
        if began.elapsed() >= limit {
            return Ok(None);
        }
        task::delay(LOOK).await;
    }
}

async fn refusals(hook: &Hook<'_>) -> anyhow::Result<BTreeMap<String, i64>> {
    let all = hook.ledger.refusals(hook.row.id, hook.side).await?;
    Ok(all.into_iter().map(|refusal| (refusal.kind, refusal.times)).collect())
}
