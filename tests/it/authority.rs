//! The way back: the same pairs, with the target in the lead.

mod turning;
