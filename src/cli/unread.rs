//! Whoever reads what a verb prints may stop before its end (`tidegate certificate verify FILE | head -1`). Then the verb ends, and says
//! nothing about it.
//!
//! The standard library's `println!` panics where nobody reads any more; here, for all verbs alike, this one panic becomes an exit status.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};

use futures_util::FutureExt;

/// The exit status of a program that a closed pipe ended: 128 and the number of the signal.
pub const CLOSED_PIPE: u8 = 141;

/// Runs a verb. `None`: nobody reads what it prints.
pub async fn run<T>(verb: impl Future<Output = T>) -> Option<T> {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        if !is_closed_pipe(info.payload()) {
            others(info);
        }
    }));
    match AssertUnwindSafe(verb).catch_unwind().await {
        Ok(done) => Some(done),
        Err(panic) if is_closed_pipe(&*panic) => None,
        Err(panic) => panic::resume_unwind(panic),
    }
}

fn is_closed_pipe(panic: &(dyn Any + Send)) -> bool {
    let words = panic.downcast_ref::<String>().map_or("", String::as_str);
    words.starts_with("failed printing to std") && words.contains("Broken pipe")
}
