//! Logs: to standard error, as text or JSON. Never bodies, headers, credentials or customers' words.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging. `filter` as in `info,tidegate::replay=debug`. Errors: the filter cannot be read.
pub fn start(filter: &str, json: bool) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("--log {filter}: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let colours = std::io::stderr().is_terminal();
    let done = if json { builder.json().try_init() } else { builder.with_target(false).with_ansi(colours).try_init() };
    done.map_err(|error| error.to_string())
}
