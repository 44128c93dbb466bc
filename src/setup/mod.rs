//! Before a mirror writes: it proves itself.

pub mod findings;
