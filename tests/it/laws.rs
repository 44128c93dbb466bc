//! The promise as laws (`DESIGN.md`, section 1): random histories on two simulated desks.

mod conflicts;
mod deaths;
