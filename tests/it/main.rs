//! The one test binary.

mod backfill;
mod carried;
mod cli;
mod config;
mod conformance;
mod deliveries;
mod delivery;
mod docs;
mod embedded;
mod gateway;
mod http;
mod lab_request_tracker;
mod laws;
mod leaks;
mod parity;
mod private;
mod processes;
mod request_tracker;
mod rules;
mod sim_request_tracker;
mod sim_zendesk;
mod sim_zendesk_webhooks;
mod story;
mod tidy;
mod world;
mod zendesk;
