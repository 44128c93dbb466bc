//! The program; see `src/lib.rs` for the map.

use std::process::ExitCode;

use clap::Parser;
use tidegate::cli::{self, Cli};
use tidegate::telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = telemetry::start(&cli.settings.log, cli.settings.log_json) {
        eprintln!("tidegate: {error}");
        return ExitCode::from(2);
    }
    match cli::run(cli).await {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("tidegate: {error:#}");
            ExitCode::FAILURE
        }
    }
}
