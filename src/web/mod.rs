//! The HTTP side: webhooks, health, metrics, the way to new tickets.

pub mod hooks;
pub mod metrics;
pub mod router;
pub mod tickets;
