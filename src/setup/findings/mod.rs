//! `tidegate mirror check`: what would be lost, changed or done to people if this mirror copied now. Nothing is written anywhere at the
//! desks.
//!
//! `proof` walks the source and asks both desks; `field`, `thread`, `link` and `people` judge what it finds, by `merge`'s own mapping, so that a
//! finding says what the mirror would really do; `trap` is the table of everything that can be found on the data, `tally` counts it,
//! `ready` and `rules` turn what the desks tell of themselves into findings; `gate` says which of them hold the copy back.

pub mod estimate;
pub mod field;
pub mod finding;
pub mod gate;
pub mod link;
pub mod patience;
pub mod pattern;
pub mod people;
pub mod proof;
pub mod ready;
pub mod rules;
pub mod tally;
pub mod thread;
pub mod trap;
pub mod view;
