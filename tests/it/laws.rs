//! The promise as laws (`DESIGN.md`, section 1): random histories on two simulated desks.

mod agents;
mod answers;
mod conflicts;
mod deaths;
mod history;
mod pure;
mod replays;
mod sides;
