//! Before a mirror writes: what it would do, in words that an admin can check, and the proof that it may.

pub mod findings;
pub mod propose;
