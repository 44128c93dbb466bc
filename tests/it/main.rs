//! The one test binary.
mod sim_request_tracker;
