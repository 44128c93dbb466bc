//! The one test binary.

mod config;
mod delivery;
mod embedded;
mod http;
mod lab_request_tracker;
mod laws;
mod parity;
mod request_tracker;
mod rules;
mod sim_request_tracker;
mod sim_zendesk;
mod sim_zendesk_webhooks;
mod story;
mod tidy;
mod world;
mod zendesk;
