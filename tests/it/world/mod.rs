//! What a test needs around the thing it tests.

pub mod db;
pub mod house;
pub mod log;
pub mod process;
pub mod scratch;
pub mod scrip;
