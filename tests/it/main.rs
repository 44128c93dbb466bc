//! The one test binary.

mod config;
mod delivery;
mod embedded;
mod http;
mod sim_zendesk;
mod story;
mod tidy;
mod world;
mod zendesk;
