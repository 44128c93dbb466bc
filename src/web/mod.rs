//! The HTTP side: webhooks, health, metrics.

pub mod hooks;
pub mod metrics;
pub mod router;
