//! Whether both desks say the same, judged by someone who did not carry it.
//!
//! `parity` reads both tickets of each pair and gives one of four answers: equal, explained (by a record or by the target's
//! own history), moving (newer than what was compared), different. It knows no `merge` and no `replay`: what a field
//! should be is worked out anew from the mapping, words are spelled by `words`, and a record counts as an explanation only
//! where the target's own history does not speak against it.

pub mod aside;
pub mod case;
pub mod fields;
pub mod files;
pub mod judge;
pub mod links;
pub mod parity;
pub mod presence;
pub mod report;
pub mod thread;
pub mod witness;
pub mod words;
