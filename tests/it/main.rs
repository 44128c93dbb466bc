//! The one test binary.

mod sim_zendesk;
mod sim_zendesk_webhooks;
mod zendesk;
