//! Intake: everything that tells *look at this ticket*. Webhooks, polls and the listing of the full copy end as hints in the
//! ledger; nothing else happens here.

pub mod backfill;
pub mod diagnose;
pub mod pairs;
pub mod poll;
pub mod receive;
pub mod sample;
pub mod secrets;
pub mod selftest;
pub mod sweep;
pub mod writer;
