//! Before anything is written: what a mirror would do, in words that an admin can check.

pub mod propose;
