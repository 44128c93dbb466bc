//! The only clock. SQL and everything else take *now* from here, so that tests can hold or turn it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Tells the time: the machine's, one beside it that can be put forward, or a fixed one that a test turns.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Microseconds: of the era if `fixed`, else ahead of the machine's clock.
    turned: Option<Arc<AtomicI64>>,
    fixed: bool,
    /// Microseconds that this one is ahead of those it shares `turned` with.
    ahead: i64,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// Stands still at `at` until [`Clock::advance`].
    pub fn fixed(at: DateTime<Utc>) -> Self {
        Self { turned: Some(Arc::new(AtomicI64::new(at.timestamp_micros()))), fixed: true, ahead: 0 }
    }

    /// Goes with the machine's clock, and [`Clock::advance`] puts it ahead.
    pub fn adjustable() -> Self {
        Self { turned: Some(Arc::new(AtomicI64::new(0))), fixed: false, ahead: 0 }
    }

    /// Now, to the microsecond (what Postgres keeps).
    pub fn now(&self) -> DateTime<Utc> {
        let turned = self.turned.as_ref().map_or(0, |turned| turned.load(Ordering::SeqCst));
        let micros = if self.fixed { turned } else { Utc::now().timestamp_micros() + turned };
        DateTime::from_timestamp_micros(micros + self.ahead).expect("a clock between the years -262143 and 262142")
    }

    /// Another clock that goes with this one and is turned with it, but is ahead: that of a desk which goes wrong.
    pub fn ahead(&self, by: Duration) -> Self {
        let by = i64::try_from(by.as_micros()).expect("a clock goes wrong by less than 292,000 years");
        Self { ahead: self.ahead + by, ..self.clone() }
    }

    /// Turns a fixed or adjustable clock forward; the machine's clock is left alone.
    pub fn advance(&self, by: Duration) {
        if let Some(turned) = &self.turned {
            let micros = i64::try_from(by.as_micros()).expect("a test turns the clock by less than 292,000 years");
            turned.fetch_add(micros, Ordering::SeqCst);
        }
    }
}

/// A length of time that counts while the machine or process is suspended (CLOCK_BOOTTIME), for leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(Duration);

impl Monotonic {
    /// Now, since the machine was started.
    pub fn now() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Self(Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos))
    }

    /// How long ago this was.
    pub fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

/// A chrono length from a standard one; lengths beyond chrono's range are its longest.
pub fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
