//! Opens the ledger: the Postgres that was named, or the private one.

use std::time::Duration;

use anyhow::Context;

use crate::clock::Monotonic;
use crate::config::settings::Settings;
use crate::embedded::error::EmbeddedError;
use crate::embedded::shared::Shared;
use crate::embedded::{Options, default_dir};
use crate::ledger::{self, Ledger, Role};
use crate::secret::Secret;
use crate::task;

/// The database's name in a private Postgres.
const DATABASE: &str = "tidegate";
/// Connections of a verb to the private Postgres, which others use too.
const FEW: u32 = 4;
/// How long the private Postgres may change hands while a ledger is opened in it.
const CHANGE_LIMIT: Duration = Duration::from_secs(30);

/// The ledger and the Postgres under it.
pub struct Opened {
    pub ledger: Ledger,
    postgres: Postgres,
    /// For people: where the data is.
    pub place: String,
}

enum Postgres {
    Named(Secret),
    Private(Shared),
}

impl Opened {
    /// The same ledger with sessions of their own, for another role.
    pub async fn again(&self, settings: &Settings, role: Role) -> anyhow::Result<Ledger> {
        self.postgres.ledger(settings, role).await
    }

    /// Returns when the private Postgres is gone and cannot be started again, with the reason.
    pub async fn failed(&self) -> anyhow::Error {
        match &self.postgres {
            Postgres::Named(_) => std::future::pending().await,
            Postgres::Private(shared) => {
                let why = shared.failed().await;
                anyhow::anyhow!("{} ended and cannot be started again: {why}", self.place)
            }
        }
    }

    /// Closes the connections, then ends our part in the private Postgres.
    pub async fn close(self) {
        self.ledger.close().await;
        if let Postgres::Private(shared) = self.postgres {
            shared.close().await;
        }
    }
}

impl Postgres {
    async fn ledger(&self, settings: &Settings, role: Role) -> anyhow::Result<Ledger> {
        let connections = u32::from(settings.connections);
        match self {
            Postgres::Named(url) => Ledger::open_url(url, connections, role).await.context("the Postgres of DATABASE_URL"),
            Postgres::Private(shared) => {
                let connections = if role == Role::Gateway { connections } else { connections.min(FEW) };
                private(shared, connections, role).await
            }
        }
    }
}

/// Opens the ledger for a verb. A private Postgres is shared with all other `tidegate` of this user.
pub async fn ledger(settings: &Settings) -> anyhow::Result<Opened> {
    for_role(settings, Role::Verb).await
}

/// Opens the ledger for a gateway.
pub async fn for_gateway(settings: &Settings) -> anyhow::Result<Opened> {
    for_role(settings, Role::Gateway).await
}

async fn for_role(settings: &Settings, role: Role) -> anyhow::Result<Opened> {
    let (postgres, place) = match settings.database_url() {
        Some(url) => (Postgres::Named(url.clone()), "the Postgres of DATABASE_URL".to_string()),
        None => start(settings).await?,
    };
    let ledger = postgres.ledger(settings, role).await?;
    Ok(Opened { ledger, postgres, place })
}

async fn start(settings: &Settings) -> anyhow::Result<(Postgres, String)> {
    let directory = match &settings.data_dir {
        Some(directory) => directory.clone(),
        None => default_dir()?,
    };
    let directory = std::path::absolute(directory)?;
    std::fs::create_dir_all(&directory).with_context(|| format!("the data directory {} cannot be made", directory.display()))?;
    let home = directory.join("postgres");
    let place = format!("the private Postgres in {}", home.display());
    let options = Options { dir: home, binaries: settings.pg_bin.clone(), durable: true };
    Ok((Postgres::Private(Shared::open(options, Role::Verb.as_str()).await?), place))
}

/// Its owner may end while we open it; then it comes back.
async fn private(shared: &Shared, connections: u32, role: Role) -> anyhow::Result<Ledger> {
    let since = Monotonic::now();
    loop {
        let opened = match shared.ensure_database(DATABASE).await {
            Ok(()) => Ledger::open(shared.options(DATABASE), connections, role).await,
            Err(EmbeddedError::Database(error)) => Err(ledger::Error::Database(error)),
            Err(error) => return Err(error.into()),
        };
        match opened {
            Err(error) if error.is_away() && since.elapsed() < CHANGE_LIMIT => task::delay(Duration::from_millis(50)).await,
            opened => return Ok(opened?),
        }
    }
}
