//! The switch: its gate, its steps, its way back, its verbs, and how long it takes.

mod gates;
mod list;
mod mails;
mod scale;
mod turns;
mod verbs;
mod voice;
