//! The one test binary.

mod embedded;
mod world;
