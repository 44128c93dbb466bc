//! Runs: what changed since the last one is carried once, and each is accounted for by itself.

mod hours;
mod reports;
mod verbs;
