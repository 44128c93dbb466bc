//! The one test binary.
mod zendesk;
mod zendesk_calls;
mod zendesk_sim;
