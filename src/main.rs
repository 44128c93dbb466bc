//! The program; see `src/lib.rs` for the map.

use std::process::ExitCode;

use clap::Parser;
use tidegate::cli::{self, Cli, unread};
use tidegate::telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = telemetry::start(&cli.settings.log, cli.settings.log_json) {
        eprintln!("tidegate: {error}");
        return ExitCode::from(2);
    }
    match unread::run(cli::run(cli)).await {
        Some(Ok(status)) => ExitCode::from(status),
        None => ExitCode::from(unread::CLOSED_PIPE),
        Some(Err(error)) => {
            eprintln!("tidegate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
