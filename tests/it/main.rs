//! The one test binary.

mod config;
mod delivery;
mod embedded;
mod http;
mod tidy;
mod world;
mod zendesk;
