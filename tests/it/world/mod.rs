//! What a test needs around the thing it tests.

pub mod db;
pub mod desk;
pub mod ending;
pub mod killer;
pub mod pact;
pub mod process;
pub mod scratch;
pub mod stand;
