//! `tidegate mirror propose`: what is guessed, held against invented pairs of desks; what becomes of the file; the verb itself.

mod corpus;
mod page;
mod pairs;
mod verb;
