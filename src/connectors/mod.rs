//! The desks that Tidegate speaks to. This file and `sim/server.rs` are the only ones that list vendors.

pub mod contract;
pub mod delivery;
pub mod fault;
pub mod http;
pub mod request_tracker;
pub mod zendesk;
