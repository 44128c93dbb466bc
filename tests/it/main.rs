//! The one test binary.

mod delivery;
mod embedded;
mod http;
mod tidy;
mod world;
