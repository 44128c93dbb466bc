//! The one test binary.

mod sim_zendesk;
