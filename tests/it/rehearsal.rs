//! A rehearsal: a few tickets are copied and taken back, and the mirror is as if nothing had been.

mod dry;
mod sample;
mod takeback;
mod verbs;
