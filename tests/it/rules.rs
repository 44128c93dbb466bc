//! The rules that keep the laws (`SEMANTICS.md`), one test each: their names begin with the rule's number.

mod merging;
mod reading;
mod writing;
