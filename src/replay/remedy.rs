//! What to do about a fault: one table, with one sentence of advice for the operator.

use std::time::Duration;

use rand::Rng;

use crate::connectors::fault::Fault;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Try the lane again after so long.
    Retry(Duration),
    /// A person has to look at this ticket.
    Park { advice: &'static str },
    /// Nothing of this mirror can go on, if the credential is really refused; otherwise the ticket is parked.
    Halt { advice: &'static str },
}

/// So often a refused or unreadable answer is tried again before a person is asked: desks refuse for passing reasons too. A
/// ticket that depends on another, for instance, is not ended before that one is.
const PATIENCE: i32 = 5;

/// The remedy for a fault at the n-th attempt (0: the first).
pub fn remedy(fault: &Fault, attempts: i32) -> Remedy {
    match fault {
        Fault::Unreachable { .. } => Remedy::Retry(backoff(attempts, Duration::from_secs(60))),
        Fault::Throttled { retry_after, .. } => {
            Remedy::Retry(retry_after.unwrap_or(Duration::from_secs(5)).min(Duration::from_secs(600)) + jitter())
        }
        Fault::Unauthorised { .. } => Remedy::Halt {
            advice: "Give the credential the right that the desk names, or replace it; then resume the mirror or release the ticket.",
        },
        Fault::Refused { .. } | Fault::Unreadable { .. } if attempts < PATIENCE => {
            Remedy::Retry(backoff(attempts, Duration::from_secs(10)))
        }
        Fault::Refused { .. } => Remedy::Park {
            advice: "Read what the desk says, mend the value at the source, the mapping, or the desk's settings, then release the ticket.",
        },
        Fault::Unreadable { .. } => Remedy::Park {
            advice: "The desk answers in a form that its API does not document; check its version and the address in the mirror file, then release the ticket.",
        },
    }
}

/// Half a second, doubled with each attempt up to `most`, and up to half as much again by chance.
pub fn backoff(attempts: i32, most: Duration) -> Duration {
    let doubled = Duration::from_millis(500) * 2u32.saturating_pow(attempts.clamp(0, 10).unsigned_abs());
    let base = doubled.min(most);
    base + base.mul_f64(rand::rng().random_range(0.0..0.5))
}

fn jitter() -> Duration {
    Duration::from_millis(rand::rng().random_range(0..500))
}
