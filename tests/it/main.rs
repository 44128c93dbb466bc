//! The one test binary.

mod embedded;
mod tidy;
mod world;
