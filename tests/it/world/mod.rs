//! What a test needs around the thing it tests.

pub mod db;
pub mod desk;
pub mod ending;
pub mod house;
pub mod killer;
pub mod load;
pub mod log;
pub mod pact;
pub mod paper;
pub mod process;
pub mod rehearsal;
pub mod rest;
pub mod runs;
pub mod scratch;
pub mod scrip;
pub mod stand;
pub mod switching;
pub mod turned;
