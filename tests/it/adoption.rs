//! A copy that another tool made is taken over: a plain script writes tickets into the simulated RT by its REST API, with no key of ours.

mod doubts;
mod follow;
mod script;
mod verbs;
