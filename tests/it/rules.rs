//! The rules that keep the laws (`SEMANTICS.md`), one test each: their names begin with the rule's number.

mod links;
mod merging;
mod people;
mod reading;
mod writing;
