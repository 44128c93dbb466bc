//! One private Postgres for all processes of a user.
//!
//! Whoever gets the lock of the directory owns the cluster and runs it; the others are guests. A guest tries the lock again and
//! again: once it has it, the owner is gone, however that came, and the guest runs the cluster from then on. So a short verb
//! may start the cluster, end, and take it down: a `serve` beside it starts it anew and goes on.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use super::error::{EmbeddedError, Io};
use super::{Embedded, Options, connect_options, ensure_database};
use crate::clock::Monotonic;
use crate::task::{self, Stop, Stopper, stopper};

/// How often a guest tries the lock.
const LOOK: Duration = Duration::from_millis(100);
/// How often a Postgres that another process is starting is asked whether it takes connections.
const ASK: Duration = Duration::from_millis(20);
/// How long another process may take to start it. After a crash it first reads its log of changes.
const START_LIMIT: Duration = Duration::from_secs(120);
/// When a wait is worth a line.
const MENTION: Duration = Duration::from_secs(1);
/// How long an owner that ends lets others finish.
const COURTESY: Duration = Duration::from_secs(5);

/// A private Postgres that several processes use. Dropping it ends this process's part without waiting; [`Shared::close`] waits.
pub struct Shared {
    socket: PathBuf,
    stopper: Stopper,
    keeper: JoinHandle<()>,
    failed: watch::Receiver<Option<String>>,
}

impl Shared {
    /// Returns when the cluster takes connections, started by whoever owns it. When this process ends in order and owns the
    /// cluster, it first lets sessions with the application name `visitors` finish, for some seconds.
    ///
    /// Errors: as [`Embedded::start`], but another owner is none unless its Postgres does not come.
    pub async fn open(options: Options, visitors: &'static str) -> Result<Self, EmbeddedError> {
        let part = first_part(&options).await?;
        let directory = options.dir.canonicalize().tried(|| format!("cannot use {}", options.dir.display()))?;
        let socket = directory.join("sock");
        let (failing, failed) = watch::channel(None);
        let keeper = Keeper { options, socket: socket.clone(), visitors, failing };
        let (stopper, stop) = stopper();
        Ok(Self { socket, stopper, keeper: tokio::spawn(keeper.run(part, stop)), failed })
    }

    /// How to connect to one of its databases.
    pub fn options(&self, database: &str) -> PgConnectOptions {
        connect_options(&self.socket, database)
    }

    /// Makes a database unless it is there.
    pub async fn ensure_database(&self, name: &str) -> Result<(), EmbeddedError> {
        ensure_database(&self.socket, name).await
    }

    /// Returns when Postgres is gone and cannot be started again, with the reason.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        let why = failed.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        why.unwrap_or_else(|| "nobody looks after it any more".to_string())
    }

    /// Ends this process's part. An owner stops Postgres; where others still work, one of them starts it again.
    pub async fn close(self) {
        self.stopper.stop();
        let _ = self.keeper.await;
    }
}

/// What this process is to the cluster.
enum Part {
    Owner(Embedded),
    Guest,
}

/// Starts the cluster, or waits until its owner has.
async fn first_part(options: &Options) -> Result<Part, EmbeddedError> {
    let (since, mut told) = (Monotonic::now(), false);
    loop {
        let pid = match Embedded::start(options.clone()).await {
            Ok(embedded) => return Ok(Part::Owner(embedded)),
            Err(EmbeddedError::InUse { pid, .. }) => pid,
            Err(error) => return Err(error),
        };
        if PgConnection::connect_with(&connect_options(&options.dir.join("sock"), "postgres")).await.is_ok() {
            return Ok(Part::Guest);
        }
        if since.elapsed() > START_LIMIT {
            return Err(EmbeddedError::NotStarted { pid, limit: START_LIMIT.as_secs(), log: options.dir.join("postgres.log") });
        }
        if since.elapsed() > MENTION && !told {
            info!(owner = pid, "waiting for the private Postgres, which another process is starting or stopping");
            told = true;
        }
        task::delay(ASK).await;
    }
}

/// Keeps the cluster running for this process.
struct Keeper {
    options: Options,
    socket: PathBuf,
    visitors: &'static str,
    failing: watch::Sender<Option<String>>,
}

impl Keeper {
    async fn run(self, mut part: Part, mut stop: Stop) {
        loop {
            match part {
                Part::Owner(embedded) => self.own(embedded, &mut stop).await,
                Part::Guest => task::pause(LOOK, &mut stop).await,
            }
            if stop.said() {
                return;
            }
            part = match Embedded::start(self.options.clone()).await {
                Ok(embedded) => {
                    info!("the private Postgres is started again, by this process");
                    Part::Owner(embedded)
                }
                Err(EmbeddedError::InUse { .. }) => Part::Guest,
                Err(error) => {
                    self.failing.send_replace(Some(error.to_string()));
                    return;
                }
            };
        }
    }

    /// Returns when Postgres is gone: by itself, or stopped because stop was said.
    async fn own(&self, embedded: Embedded, stop: &mut Stop) {
        tokio::select! {
            how = embedded.ended() => warn!(how, "the private Postgres ended by itself"),
            () = stop.wait() => {
                self.let_visitors_finish().await;
                embedded.stop().await;
            }
        }
    }

    async fn let_visitors_finish(&self) {
        let since = Monotonic::now();
        while since.elapsed() < COURTESY && self.visited().await.unwrap_or(false) {
            task::delay(ASK).await;
        }
    }

    async fn visited(&self) -> Result<bool, sqlx::Error> {
        let mut connection = PgConnection::connect_with(&connect_options(&self.socket, "postgres")).await?;
        let visited = sqlx::query_scalar("select exists (select from pg_stat_activity where application_name = $1)")
            .bind(self.visitors)
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        Ok(visited)
    }
}
