//! Who types: decisions of people are recorded with a name.

use std::env;

/// The user who ran the program, behind `sudo` the one who called it; the number of the account where it has no name.
pub fn name() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|variable| env::var(variable).ok());
    let mut named = named.filter(|name| !name.trim().is_empty());
    named.next().unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()))
}
