//! The ledger: the only SQL. Every function is one transaction (or one statement), one file per noun; *now* is a parameter.
//!
//! No function may be cancelled between `begin` and `commit`: with sqlx 0.9 a cancelled `begin` leaves the connection
//! inside a transaction nobody commits. Callers that can be cancelled (handlers) hand work to a task that cannot; as a
//! second fence every connection is rolled back when it returns to the pool.

pub mod accepted;
pub mod account;
pub mod adopt;
pub mod authority;
pub mod budget;
pub mod check;
pub mod check_run;
pub mod conflict;
pub mod delivery;
pub mod due;
pub mod echo;
pub mod event;
pub mod extension;
pub mod feed;
pub mod figure;
pub mod finding;
pub mod history;
pub mod identity;
pub mod intent;
pub mod lane;
pub mod leak;
pub mod merged;
pub mod mirror;
pub mod naming;
pub mod numbers;
pub mod pair;
pub mod parked;
pub mod person;
pub mod probe;
pub mod reapply;
pub mod repair;
pub mod retention;
pub mod retire;
pub mod ruling;
pub mod run;
pub mod sample;
pub mod settle;
pub mod sight;
pub mod statement;
pub mod status;
pub mod sweep;
pub mod switch;
pub mod takeback;
pub mod tick;
pub mod verdict;
pub mod voice;
pub mod webhook;
pub mod window;

use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Executor, PgPool};

use crate::secret::Secret;

/// The migrations, embedded; forward only.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// Why the ledger could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the database is not to be reached or refused the work: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the database cannot be brought to this version: {0}")]
    Migration(#[from] MigrateError),
    #[error("Postgres {0} is too old: 14 or newer is needed")]
    TooOld(String),
    #[error("no mirror is called `{0}`; `tidegate mirror list` names them")]
    NoMirror(String),
    #[error(
        "what was known of mirror `{0}` is destroyed: `tidegate status`, `tidegate map` and `tidegate certificate` still speak of it; a new \
         mirror needs a name of its own"
    )]
    Purged(String),
    #[error("what is stored for {what} cannot be read: {why}")]
    Unreadable { what: String, why: String },
    #[error("the lane was given to another worker: this one stops")]
    Fenced,
    #[error("another check of this mirror was started and goes on with it: this one stops")]
    Overtaken,
    #[error("the message is written, or being written, for another ticket that it belongs to as well")]
    Taken,
    #[error(
        "the windows of the mirror file can change only while one desk leads all of them and no switch is under way: switch the others with \
         tidegate cutover MIRROR --go, or come back with --back; nothing was applied"
    )]
    Windows,
}

impl Error {
    /// Whether the database went away under the work, so that the same may succeed once it is back: there is no connection, or it was
    /// ended (SQLSTATE classes 08 and 57).
    pub fn is_away(&self) -> bool {
        let error = match self {
            Error::Database(error) => error,
            Error::Migration(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => error,
            _ => return false,
        };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
            other => {
                let code = other.as_database_error().and_then(|error| error.code());
                code.is_some_and(|code| code.starts_with("08") || code.starts_with("57"))
            }
        }
    }

    /// Whether the database refuses the row itself: SQLSTATE classes 22 (data) and 23 (constraints). Everything else is about
    /// the database.
    pub fn is_about_data(&self) -> bool {
        let Error::Database(error) = self else { return false };
        let code = error.as_database_error().and_then(|error| error.code());
        code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }
}

/// What a ledger function returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What a process does with the ledger. Others see it as the application name of its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A verb that looks or decides.
    Verb,
    /// A gateway, which works on lanes.
    Gateway,
}

impl Role {
    /// The application name.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Verb => "tidegate",
            Role::Gateway => "tidegate gateway",
        }
    }
}

/// A pool that leaves no transaction open on a connection that is given back, whoever was cancelled with it.
pub fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new().max_connections(connections).after_release(|connection, _| {
        Box::pin(async move {
            connection.execute("rollback").await?;
            Ok(true)
        })
    })
}

/// The durable state of all mirrors of one Postgres.
#[derive(Debug, Clone)]
pub struct Ledger {
    pool: PgPool,
}

impl Ledger {
    /// Opens the database at a `postgres://` address. Errors as [`Ledger::open`]; the address is never told.
    pub async fn open_url(url: &Secret, connections: u32, role: Role) -> Result<Self> {
        Self::open(PgConnectOptions::from_str(url.expose())?, connections, role).await
    }

    /// Connects with up to `connections` connections and brings the schema up to date.
    pub async fn open(options: PgConnectOptions, connections: u32, role: Role) -> Result<Self> {
        // A busy machine makes statements slow by the dozen; what it means to people is in the lag.
        let quiet = "debug".parse().expect("it is a level");
        // A process that is suspended within a transaction holds rows that others wait for: the transaction is undone soon, and what
        // it was to do is done again.
        let options = options
            .log_slow_statements("debug".parse().expect("it is a level"), Duration::from_secs(1))
            .options([("idle_in_transaction_session_timeout", "10s"), ("client_min_messages", "error")])
            .application_name(role.as_str());
        let pool =
            pool(connections).acquire_timeout(Duration::from_secs(5)).acquire_slow_level(quiet).connect_with(options).await?;
        let ledger = Self { pool };
        ledger.refuse_old_server().await?;
        MIGRATOR.run(&ledger.pool).await?;
        Ok(ledger)
    }

    /// Uses a pool whose database is up to date already (tests: a template).
    pub fn on(pool: PgPool) -> Self {
        Self { pool }
    }

    /// One cheap round trip. Errors: the database is not there.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Whether a gateway works on this ledger, seen by its sessions. One of this process's own counts.
    pub async fn gateway_works(&self) -> Result<bool> {
        let sql = "select exists (select from pg_stat_activity where application_name = $1 and datname = current_database())";
        Ok(sqlx::query_scalar(sql).bind(Role::Gateway.as_str()).fetch_one(&self.pool).await?)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn refuse_old_server(&self) -> Result<()> {
        let version: String = sqlx::query_scalar("show server_version_num").fetch_one(&self.pool).await?;
        match version.parse::<u32>() {
            Ok(number) if number >= 140_000 => Ok(()),
            _ => Err(Error::TooOld(version)),
        }
    }
}

/// Stored JSON back into its type.
fn stored<T: serde::de::DeserializeOwned>(what: &str, json: serde_json::Value) -> Result<T> {
    serde_json::from_value(json).map_err(|error| Error::Unreadable { what: what.to_string(), why: error.to_string() })
}

/// A type as JSON to store.
fn to_store<T: serde::Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).expect("the ledger stores plain data, which always has a JSON form")
}
