//! What README's "What is carried" says, end to end: a source desk, the gateway, and the target's own store, in all four
//! directions. Data first: each line is a field, what stands at the source, and what has to stand at the target.

mod endings;
mod fields;
mod files;
mod links;
mod messages;
mod own_fields;
mod rows;
pub mod way;
mod withheld;
