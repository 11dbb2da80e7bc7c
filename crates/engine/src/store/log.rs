//! The event log of a store of either kind.

use std::path::PathBuf;
use std::sync::Arc;

use eventstore::{Clock, EventStore, PostgresStore, SqliteStore};

use super::StoreSettings;
use crate::{Error, StoreUrl};

/// An open event log.
#[derive(Clone)]
pub enum Log {
    /// A file of an embedded store.
    Sqlite(SqliteStore),
    /// A database that services share.
    Postgres(PostgresStore),
}

impl Log {
    /// The log as a port, whatever it is kept in.
    pub fn port(&self) -> Arc<dyn EventStore> {
        match self {
            Self::Sqlite(log) => Arc::new(log.clone()),
            Self::Postgres(log) => Arc::new(log.clone()),
        }
    }

    /// Writes what is queued and closes the log.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(log) => log.close().await,
            Self::Postgres(log) => log.close().await,
        }
    }

    /// Opens an embedded log read-only, and a shared one with the permissions of its database role.
    pub async fn open_to_read(
        settings: &StoreSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        match &settings.url {
            StoreUrl::Folder(_) => {
                let log = SqliteStore::open_read_only(&embedded(settings)?, clock).await?;
                Ok(Self::Sqlite(log))
            }
            StoreUrl::Postgres(_) => Self::shared(settings, clock).await,
        }
    }

    /// Opens a log to append decisions.
    pub async fn open_to_decide(
        settings: &StoreSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        match &settings.url {
            StoreUrl::Folder(_) => {
                Ok(Self::Sqlite(SqliteStore::open(&embedded(settings)?, clock).await?))
            }
            StoreUrl::Postgres(_) => Self::shared(settings, clock).await,
        }
    }

    async fn shared(settings: &StoreSettings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let options = settings.connect_options()?;
        Ok(Self::Postgres(PostgresStore::connect(options, clock).await?))
    }
}

/// The file of an embedded log, which must exist.
fn embedded(settings: &StoreSettings) -> Result<PathBuf, Error> {
    let home = settings.home()?;
    home.expect_store()?;
    Ok(home.log())
}
