//! Tidegate carries a support team from one helpdesk to another with nobody stopping work.

pub mod change;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connectors;
pub mod cutover;
pub mod desk;
pub mod embedded;
pub mod gateway;
pub mod intake;
pub mod ledger;
pub mod merge;
pub mod mirror;
pub mod replay;
pub mod secret;
pub mod sim;
pub mod task;
pub mod telemetry;
pub mod web;
