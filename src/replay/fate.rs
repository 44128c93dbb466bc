//! How the replay of a lane can end other than settled.

use std::time::Duration;

use crate::connectors::fault::Fault;
use crate::desk::Side;
use crate::ledger;

/// Not settled, and why.
#[derive(Debug)]
pub enum Fate {
    /// A desk failed us.
    Fault(Fault),
    /// The ledger failed us, or the lane was given to someone else.
    Ledger(ledger::Error),
    /// The desk does not show yet what was promised: again after so long.
    NotYet { after: Duration, why: String },
    /// A person decides.
    Park(Parking),
    /// A desk goes on not showing a ticket: parked as told, unless its credential sees nothing else either.
    Unseen { side: Side, parking: Parking },
    /// The mirror was halted while this was under way.
    Halted,
}

/// What is parked, with owned words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parking {
    pub kind: &'static str,
    pub reason: String,
    pub advice: String,
}

impl std::fmt::Display for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fate::Fault(fault) => write!(f, "{fault}"),
            Fate::Ledger(error) => write!(f, "{error}"),
            Fate::NotYet { why, .. } => f.write_str(why),
            Fate::Park(parking) | Fate::Unseen { parking, .. } => write!(f, "{}. {}", parking.reason, parking.advice),
            Fate::Halted => f.write_str("the mirror was halted"),
        }
    }
}

impl std::error::Error for Fate {}

impl From<Fault> for Fate {
    fn from(fault: Fault) -> Self {
        Fate::Fault(fault)
    }
}

impl From<ledger::Error> for Fate {
    fn from(error: ledger::Error) -> Self {
        Fate::Ledger(error)
    }
}

/// What a step of the replay returns.
pub type Result<T> = std::result::Result<T, Fate>;

/// A ticket that is not shown, as an error.
pub fn unseen<T>(side: Side, reason: impl Into<String>, advice: impl Into<String>) -> Result<T> {
    Err(Fate::Unseen { side, parking: Parking { kind: "missing", reason: reason.into(), advice: advice.into() } })
}

/// A parking as an error.
pub fn park<T>(kind: &'static str, reason: impl Into<String>, advice: impl Into<String>) -> Result<T> {
    Err(Fate::Park(Parking { kind, reason: reason.into(), advice: advice.into() }))
}
