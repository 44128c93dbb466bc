//! What the operator says: [`settings`] for the process, and one file for each mirror, read from what was typed into plain
//! data with all mistakes told at once.
//!
//! `file` reads a mirror file and is the way in; `connection`, `rules` and `table` read its parts through `page`; `mirror`
//! is the result; `values` checks it against what the two desks know; `secret` fetches what the file only refers to.

pub mod connection;
pub mod duration;
pub mod file;
pub mod mirror;
pub mod mistake;
pub mod page;
pub mod rules;
pub mod run;
pub mod secret;
pub mod settings;
pub mod table;
pub mod values;
pub mod vendor;
