//! How a desk fails us: five kinds. What is done about each is `replay::remedy`'s business.

use std::time::Duration;

/// A desk failed us. `what` is a sentence for an operator: which call, which ticket, what the desk answered. It holds no
/// secret and no customer text.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// No answer, a broken one, or the desk's own trouble (5xx). Whether a write happened is unknown.
    #[error("{what}")]
    Unreachable { what: String },
    /// The desk asks us to slow down (429).
    #[error("{what}")]
    Throttled { what: String, retry_after: Option<Duration> },
    /// Credentials or rights (401, 403).
    #[error("{what}")]
    Unauthorised { what: String },
    /// The desk says no to this request (other 4xx): trying again as it is will not help. Nothing was written.
    #[error("{what}")]
    Refused { what: String },
    /// The desk answered something that we cannot read.
    #[error("{what}")]
    Unreadable { what: String },
}

impl Fault {
    /// No answer or the desk's own trouble.
    pub fn unreachable(what: impl Into<String>) -> Self {
        Fault::Unreachable { what: what.into() }
    }

    /// The desk says no.
    pub fn refused(what: impl Into<String>) -> Self {
        Fault::Refused { what: what.into() }
    }

    /// An answer that we cannot read.
    pub fn unreadable(what: impl Into<String>) -> Self {
        Fault::Unreadable { what: what.into() }
    }

    /// Credentials or rights.
    pub fn unauthorised(what: impl Into<String>) -> Self {
        Fault::Unauthorised { what: what.into() }
    }

    /// The word in figures and status.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Unreachable { .. } => "unreachable",
            Fault::Throttled { .. } => "throttled",
            Fault::Unauthorised { .. } => "unauthorised",
            Fault::Refused { .. } => "refused",
            Fault::Unreadable { .. } => "unreadable",
        }
    }

    /// After this the write may have happened: it is looked up before it is sent again.
    pub fn leaves_doubt(&self) -> bool {
        matches!(self, Fault::Unreachable { .. } | Fault::Unreadable { .. })
    }
}
