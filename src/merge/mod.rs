//! What has to be written so that the following desk says what the leading desk says, and nobody's work is lost. Pure: it
//! sees only `desk` values and decides; `replay` reads, performs and settles.
//!
//! Every field is decided from three versions: the base (what both said last), the leading desk now, the following desk now.
//! The leading value is compared with what *it* said at the base, the following value with what *it* held at the base; the two are
//! never compared with each other, because desks rewrite what they are given.

pub mod adopt;
pub mod align;
pub mod answer;
pub mod attribution;
pub mod base;
pub mod digest;
pub mod field;
mod guard;
pub mod hand;
pub mod links;
pub mod newest;
pub mod plan;
pub mod reason;
pub mod remap;
pub mod ruling;
pub mod scene;
pub mod thread;
