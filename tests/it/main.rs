//! The one test binary.

mod lab_request_tracker;
mod request_tracker;
