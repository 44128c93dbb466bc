//! Why the private Postgres does not run, and what to do about it.

use std::path::PathBuf;

/// A sentence for an operator: what is wrong and what would be right.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error("no Postgres was found on this machine. {0} Or give DATABASE_URL to use a Postgres that runs elsewhere.")]
    NoPostgres(String),
    #[error("there is no `initdb` with a `postgres` beside it in {0}; name the directory that holds both")]
    NotInDirectory(PathBuf),
    #[error("the Postgres in {directory} is version {major}; {oldest} or newer is needed")]
    TooOld { directory: PathBuf, major: u32, oldest: u32 },
    #[error(
        "the data in {data} was made by Postgres {made_by}, which is not here (found: {found}). Install Postgres {made_by} beside it, \
         or carry the data over with pg_upgrade, or start with an empty data directory"
    )]
    OtherMajor { data: PathBuf, made_by: u32, found: String },
    #[error("{directory} is in use by another process{}; stop it, or choose another data directory (--data-dir or TIDEGATE_DATA_DIR)",
        .pid.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse { directory: PathBuf, pid: Option<u32> },
    #[error(
        "another process{} owns the private Postgres, which has not taken connections for {limit} s; look at {log}, or end that process",
        .pid.map(|pid| format!(" ({pid})")).unwrap_or_default()
    )]
    NotStarted { pid: Option<u32>, limit: u64, log: PathBuf },
    #[error(
        "{directory} cannot be entered by user `{account}`, as whom Postgres runs since it refuses to run as root. Choose another \
         data directory (--data-dir /var/lib/tidegate, or TIDEGATE_DATA_DIR), or allow it: chmod o+x {directory}"
    )]
    NotSearchable { directory: PathBuf, account: String },
    #[error(
        "Postgres refuses to run as root, and this machine has neither a user `postgres` nor `nobody`; start as another user"
    )]
    NoAccount,
    #[error(
        "the path of the socket, {path}, is longer than the {limit} bytes that the system allows; choose a shorter data directory (--data-dir or \
         TIDEGATE_DATA_DIR)"
    )]
    LongPath { path: PathBuf, limit: usize },
    #[error("processes of an earlier Postgres still use {directory} and do not stop: {pids:?}; end them and start again")]
    Orphans { directory: PathBuf, pids: Vec<u32> },
    #[error("{program} ended ({status}) and said:\n{said}(all of it in {log})")]
    Failed { program: &'static str, status: String, said: String, log: PathBuf },
    #[error("no data directory: neither --data-dir (TIDEGATE_DATA_DIR) is given, nor is XDG_DATA_HOME or HOME set")]
    NoHome,
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("the private Postgres does not answer: {0}")]
    Database(#[from] sqlx::Error),
}

/// Says what was tried when the system says no.
pub(super) trait Io<T> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, EmbeddedError>;
}

impl<T> Io<T> for std::io::Result<T> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T, EmbeddedError> {
        self.map_err(|source| EmbeddedError::Io { what: what(), source })
    }
}
