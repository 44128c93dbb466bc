//! The private Postgres that runs when no `DATABASE_URL` is given, and under the tests.
//!
//! It is whatever `initdb` and `postgres` the machine has, started as our own child on a Unix socket that only we can reach:
//! no port, no password, no service to install. One process owns a directory at a time; when it dies, however it dies, its
//! Postgres is told to stop, and the next owner clears away what is left. Several processes use one through [`shared`].
//!
//! ```text
//! DIR/lock          held by the owner, with its process id
//! DIR/data/         the cluster (appears whole, or not at all)
//! DIR/sock/         the socket, 0700
//! DIR/postgres.log  what Postgres said since the last start; postgres.log.old before that
//! ```

mod binaries;
pub mod error;
mod home;
mod server;
pub mod shared;

use std::path::{Path, PathBuf};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use binaries::Binaries;
use error::EmbeddedError;
use home::Home;
use server::Server;

/// Which cluster, and how it runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory that holds the cluster; made if it is not there. See [`default_dir`].
    pub dir: PathBuf,
    /// The directory with `initdb` and `postgres`; looked for when not given.
    pub binaries: Option<PathBuf>,
    /// What is committed survives a power failure. Only throw-away clusters of tests do without.
    pub durable: bool,
}

/// A running private Postgres. Dropping it tells Postgres to stop and does not wait; [`Embedded::stop`] waits.
pub struct Embedded {
    server: Server,
    home: Home,
}

impl Embedded {
    /// Starts the cluster, making it if there is none, and returns when it takes connections.
    ///
    /// Errors: no or a wrong Postgres, a directory that is in use or cannot be used, and what Postgres itself says.
    pub async fn start(options: Options) -> Result<Self, EmbeddedError> {
        let home = Home::claim(&options.dir)?;
        let binaries = Binaries::find(options.binaries.as_deref(), home.made_by(), &home.data())?;
        server::clear(&home).await?;
        let server = Server::start(&home, &binaries, options.durable).await?;
        tracing::debug!(directory = %home.directory.display(), version = binaries.major, "the private Postgres runs");
        Ok(Self { server, home })
    }

    /// How to connect to one of its databases.
    pub fn options(&self, database: &str) -> PgConnectOptions {
        connect_options(&self.home.socket(), database)
    }

    /// Makes a database unless it is there.
    pub async fn ensure_database(&self, name: &str) -> Result<(), EmbeddedError> {
        ensure_database(&self.home.socket(), name).await
    }

    /// Returns when Postgres is gone although nobody stopped it, with how it ended.
    pub async fn ended(&self) -> String {
        self.server.ended().await
    }

    /// Ends all sessions, has Postgres write everything down, and returns when it is gone.
    pub async fn stop(self) {
        self.server.stop().await;
        self.home.leave_socket();
    }
}

fn connect_options(socket: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket)
        .port(5432)
        .username("postgres")
        .database(database)
        .ssl_mode(PgSslMode::Disable)
}

async fn ensure_database(socket: &Path, name: &str) -> Result<(), EmbeddedError> {
    let mut connection = PgConnection::connect_with(&connect_options(socket, "postgres")).await?;
    let there = "select exists (select from pg_database where datname = $1)";
    let there = async |connection: &mut PgConnection| sqlx::query_scalar::<_, bool>(there).bind(name).fetch_one(connection).await;
    if !there(&mut connection).await? {
        let create = format!(r#"create database "{}""#, name.replace('"', r#""""#));
        let made = sqlx::query(AssertSqlSafe(create)).execute(&mut connection).await;
        // Another process may have made it in between.
        if let Err(error) = made
            && !there(&mut connection).await?
        {
            return Err(error.into());
        }
    }
    Ok(connection.close().await?)
}

/// Where data lives when nothing else is said: for root `/var/lib/tidegate`, else `tidegate` in `$XDG_DATA_HOME` or
/// `~/.local/share`. Errors: no such variable is set.
pub fn default_dir() -> Result<PathBuf, EmbeddedError> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/tidegate"));
    }
    let shared = set("XDG_DATA_HOME").or_else(|| Some(set("HOME")?.join(".local/share")));
    Ok(shared.ok_or(EmbeddedError::NoHome)?.join("tidegate"))
}
