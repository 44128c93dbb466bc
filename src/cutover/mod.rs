//! Whether both desks say the same, judged by someone who did not carry it.
//!
//! `parity` reads both tickets of each pair and gives one of four answers: equal, explained (by a record or by the target's
//! own history), moving (newer than what was compared), different. It knows no `merge` and no `replay`: what a field
//! should be is worked out anew from the mapping, words are spelled by `words`, and a record counts as an explanation only
//! where the target's own history does not speak against it.
//!
//! `walk` takes a check through its stages and keeps each page in the ledger; `single` looks at some tickets outside of any run.
//! `verdicts_for_gate` and `check_stale` in `parity` are for whoever has to decide: they ask for what is known as of now, and bring
//! it up to date.
//!
//! `switch` changes which desk leads: through `gate`, which says what is missing, and only with `way_back` proven; `late` turns
//! the tickets that it could not wait for; `voice` lets people be heard who work in a desk that we wrote to.

pub mod aside;
pub mod case;
pub mod certificate;
pub mod checklist;
pub mod completeness;
mod family;
pub mod fields;
pub mod files;
pub mod gate;
pub mod judge;
pub mod late;
pub mod links;
pub mod paper;
pub mod parity;
pub mod presence;
pub mod repair;
pub mod report;
pub mod retention;
pub mod single;
mod standing;
pub mod statement;
pub mod sums;
pub mod switch;
pub mod thread;
pub mod urgent;
pub mod voice;
pub mod walk;
pub mod way_back;
pub mod witness;
pub mod words;
