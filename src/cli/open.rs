//! Opens the ledger: the Postgres that was named, or the private one.

use anyhow::Context;
use std::path::Path;

use crate::config::settings::Settings;
use crate::embedded::error::EmbeddedError;
use crate::embedded::{Embedded, Options, default_dir};
use crate::ledger::Ledger;

/// The database's name in a private Postgres.
const DATABASE: &str = "tidegate";

/// The ledger, and the private Postgres under it if it is ours.
pub struct Opened {
    pub ledger: Ledger,
    embedded: Option<Embedded>,
    /// For people: where the data is.
    pub place: String,
}

impl Opened {
    /// Closes the connections, then stops the private Postgres.
    pub async fn close(self) {
        self.ledger.close().await;
        if let Some(embedded) = self.embedded {
            let _ = embedded.stop().await;
        }
    }
}

/// Opens the ledger. With the private Postgres already run by another `tidegate` (a `serve`), it is shared.
pub async fn ledger(settings: &Settings) -> anyhow::Result<Opened> {
    let connections = u32::from(settings.connections);
    if let Some(url) = settings.database_url() {
        let ledger = Ledger::open_url(url, connections).await.context("the Postgres of DATABASE_URL")?;
        return Ok(Opened { ledger, embedded: None, place: "the Postgres of DATABASE_URL".to_string() });
    }
    let directory = match &settings.data_dir {
        Some(directory) => directory.clone(),
        None => default_dir()?,
    };
    private(settings, &directory, connections).await
}

async fn private(settings: &Settings, directory: &Path, connections: u32) -> anyhow::Result<Opened> {
    let directory = std::path::absolute(directory)?;
    std::fs::create_dir_all(&directory).with_context(|| format!("the data directory {} cannot be made", directory.display()))?;
    let home = directory.join("postgres");
    let place = format!("the private Postgres in {}", home.display());
    let options = Options { dir: home.clone(), binaries: settings.pg_bin.clone(), durable: true };
    match Embedded::start(options).await {
        Ok(embedded) => {
            embedded.ensure_database(DATABASE).await?;
            let ledger = Ledger::open(embedded.options(DATABASE), connections).await?;
            Ok(Opened { ledger, embedded: Some(embedded), place })
        }
        Err(EmbeddedError::InUse { .. }) => {
            let ledger = Ledger::open_socket(&home.join("sock"), DATABASE, 4)
                .await
                .context("another tidegate owns the private Postgres, and it does not answer")?;
            Ok(Opened { ledger, embedded: None, place })
        }
        Err(error) => Err(error.into()),
    }
}
