//! The one test binary.
mod zendesk;
