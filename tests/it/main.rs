//! The one test binary.

mod world;
