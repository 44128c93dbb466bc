//! `mirror check`: every trap is seeded through the desks' own APIs and named by exactly its finding; clean pairs raise none.

mod accepting;
mod clean;
mod long;
pub mod pair;
mod ready;
mod rules;
mod traps;
