//! Settings of the process: flags, each with its environment variable. What belongs to one mirror is in its file.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::secret::Secret;

/// What every verb understands. A flag wins over its variable.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Postgres 14 or newer, as postgres://user:password@host/database. Without it a private Postgres is started in the data
    /// directory
    #[arg(long, env = "DATABASE_URL", global = true, hide_env_values = true, value_name = "URL", value_parser = secret)]
    database_url: Option<Secret>,

    /// Where the private Postgres keeps its data. If not given: /var/lib/tidegate for root, else tidegate in $XDG_DATA_HOME or
    /// ~/.local/share
    #[arg(long, env = "TIDEGATE_DATA_DIR", global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Directory of initdb and postgres, for the private Postgres; looked for if not given
    #[arg(long, env = "TIDEGATE_PG_BIN", global = true, value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,

    /// Address for webhooks, health and metrics
    #[arg(long, env = "TIDEGATE_LISTEN", global = true, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// What to log: error, warn, info, debug, trace, or a list such as info,tidegate::replay=debug
    #[arg(long, env = "TIDEGATE_LOG", global = true, value_name = "FILTER", default_value = "info")]
    pub log: String,

    /// Log one JSON object a line
    #[arg(long, env = "TIDEGATE_LOG_JSON", global = true)]
    pub log_json: bool,

    /// Tickets that are worked on at once by this process
    #[arg(long, env = "TIDEGATE_WORKERS", global = true, value_name = "N", default_value_t = 8,
          value_parser = clap::value_parser!(u16).range(1..=512))]
    pub workers: u16,

    /// Connections to Postgres at most
    #[arg(long, env = "TIDEGATE_CONNECTIONS", global = true, value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub connections: u16,

    /// Largest webhook delivery in bytes; larger ones are refused
    #[arg(long, env = "TIDEGATE_LARGEST_DELIVERY", global = true, value_name = "BYTES", default_value_t = 1 << 20,
          value_parser = clap::value_parser!(u32).range(1024..=67_108_864))]
    pub largest_delivery: u32,
}

impl Settings {
    /// The address of Postgres. An empty one is none: `DATABASE_URL=` is how container files unset a variable.
    pub fn database_url(&self) -> Option<&Secret> {
        self.database_url.as_ref().filter(|url| !url.expose().trim().is_empty())
    }
}

fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}
