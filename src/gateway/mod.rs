//! The gateway: wires the house from its settings, starts and stops it.

pub mod budget;
pub mod connect;
pub mod run;
pub mod serve;
pub mod witness;
