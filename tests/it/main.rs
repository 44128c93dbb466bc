//! The one test binary.

mod story;
