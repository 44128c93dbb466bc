//! Replay: from a claimed lane to a settled one. Read both sides, decide, write, read back, settle.

pub mod adopt;
mod again;
mod answer;
pub mod births;
pub mod canary;
pub mod course;
mod dispute;
pub mod dry;
mod ending;
mod ends;
pub mod engine;
pub mod fate;
pub mod files;
pub mod house;
pub mod hydrate;
pub mod lane;
pub mod leaks;
mod linked;
pub mod people;
pub mod perform;
mod placing;
pub mod proposal;
pub mod recover;
pub mod remap;
pub mod remedy;
pub mod takeback;
pub mod watch;
