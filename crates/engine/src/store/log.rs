//! The event log of a store of either kind.

use std::path::PathBuf;
use std::sync::Arc;

use eventstore::{Clock, DatabaseStore, EventStore};

use super::StoreSettings;
use crate::{Error, StoreUrl};

/// An open event log: a file of an embedded store, or a database that services share.
#[derive(Clone)]
pub struct Log(pub(super) DatabaseStore);

impl Log {
    /// The log as a port.
    pub fn port(&self) -> Arc<dyn EventStore> {
        Arc::new(self.0.clone())
    }

    /// Writes what is queued and closes the log.
    pub async fn close(&self) {
        self.0.close().await;
    }

    /// Opens an embedded log read-only, and a shared one with the permissions of its database role.
    pub async fn open_to_read(
        settings: &StoreSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        match &settings.url {
            StoreUrl::Folder(_) => {
                Ok(Self(DatabaseStore::open_read_only(&embedded(settings)?).await?))
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
                Ok(Self(DatabaseStore::open(&embedded(settings)?, clock).await?))
            }
            StoreUrl::Postgres(_) => Self::shared(settings, clock).await,
        }
    }

    async fn shared(settings: &StoreSettings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Ok(Self(DatabaseStore::connect(settings.connect_options()?, clock).await?))
    }
}

/// The file of an embedded log, which must exist.
fn embedded(settings: &StoreSettings) -> Result<PathBuf, Error> {
    let home = settings.home()?;
    home.expect_store()?;
    Ok(home.log())
}
