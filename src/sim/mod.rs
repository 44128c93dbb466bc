//! Simulated desks, written from the vendors' documents. They never import `connectors`: one misreading would then be in
//! both and no test would see it. Each has a store and rules of its own; this frame is what a story, a judge and a test
//! need of any of them.

pub mod control;
pub mod faults;
pub mod judge;
pub mod request_tracker;
pub mod server;
pub mod snapshot;
pub mod stage;
pub mod story;
pub mod zendesk;
