//! The event log of a store of either kind.

use std::path::PathBuf;
use std::sync::Arc;

use eventstore::{Clock, DatabaseStore};

use super::StoreSettings;
use crate::{Error, StoreUrl};

impl StoreSettings {
    /// Opens an embedded log read-only, and a shared one with the permissions of its database role.
    pub(crate) async fn open_log_to_read(
        &self,
        clock: Arc<dyn Clock>,
    ) -> Result<DatabaseStore, Error> {
        Ok(match &self.url {
            StoreUrl::Folder(_) => DatabaseStore::open_read_only(&self.log_file()?).await?,
            StoreUrl::Postgres(_) => DatabaseStore::connect(self.connect_options()?, clock).await?,
        })
    }

    /// Opens a log to append decisions.
    pub(crate) async fn open_log(&self, clock: Arc<dyn Clock>) -> Result<DatabaseStore, Error> {
        Ok(match &self.url {
            StoreUrl::Folder(_) => DatabaseStore::open(&self.log_file()?, clock).await?,
            StoreUrl::Postgres(_) => DatabaseStore::connect(self.connect_options()?, clock).await?,
        })
    }

    /// The file of an embedded log, which must exist.
    fn log_file(&self) -> Result<PathBuf, Error> {
        let home = self.home()?;
        home.expect_store()?;
        Ok(home.log())
    }
}
