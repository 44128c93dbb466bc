//! The switch: its gate, its steps, its way back, its verbs, its windows, and how long it takes.

mod gates;
mod late;
mod list;
mod mails;
mod naming;
mod own;
mod probes;
mod scale;
mod turns;
mod verbs;
mod voice;
mod windows;
