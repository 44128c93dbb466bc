//! The one test binary.

mod config;
mod delivery;
mod embedded;
mod http;
mod parity;
mod tidy;
mod world;
