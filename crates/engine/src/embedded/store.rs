//! The files of an embedded store, opened to work on them.

use std::sync::Arc;

use domain::{Plan, ProgrammeId, State};
use eventstore::{Clock, DatabaseStore, EventStore, Journal, Origin};
use platform::{Directory, Mode};
use registry::Registry;

use crate::store::{StoreSettings, adopt, prepare, programme_of};
use crate::{EngineLock, Error, Home};

/// The open files of a store, under the engine's lock.
pub struct Store {
    /// The folder.
    pub home: Home,
    /// The event log.
    pub log: DatabaseStore,
    /// The registry, with its personal data.
    pub registry: Arc<Registry>,
    /// The mail directory.
    pub directory: Arc<Directory>,
    lock: EngineLock,
}

impl Store {
    /// Opens a store, and creates it for this programme where there is none.
    pub async fn open(
        home: Home,
        clock: Arc<dyn Clock>,
        rehearsal: bool,
        programme: &ProgrammeId,
    ) -> Result<Self, Error> {
        let mode = if rehearsal { Mode::Rehearsal } else { Mode::Production };
        let lock = prepare(&home, mode).await?;
        let directory = Directory::open(&home.directory()).await?;
        let log = DatabaseStore::open(&home.log(), clock).await?;
        let existing = programme_of(&log).await?;
        let programme = existing.as_ref().unwrap_or(programme);
        let registry = Registry::open(&home.registry(), programme).await?;
        Ok(Self { home, log, registry: Arc::new(registry), directory: Arc::new(directory), lock })
    }

    /// Adopts this plan where the log has none yet. A store of another programme is refused.
    pub async fn adopt(
        &self,
        plan: &Plan,
        clock: Arc<dyn Clock>,
        origin: &Origin,
    ) -> Result<Journal, Error> {
        adopt(Arc::new(self.log.clone()), &self.home.folder().display(), plan, clock, origin).await
    }

    /// The log, and the state folded from its beginning.
    pub fn journal(&self, programme: ProgrammeId, clock: Arc<dyn Clock>) -> Journal {
        Journal::new(programme, Arc::new(self.log.clone()), clock, State::default(), 0)
    }

    /// The same files as the parts of an engine use them.
    pub(super) fn for_parts(&self, journal: Arc<Journal>) -> crate::store::Store {
        let settings = StoreSettings::embedded(self.home.folder());
        let (registry, directory) = (Arc::clone(&self.registry), Arc::clone(&self.directory));
        crate::store::Store::over(settings, journal).with(registry, directory)
    }

    pub(super) fn log_port(&self) -> Arc<dyn EventStore> {
        Arc::new(self.log.clone())
    }

    /// Lets another engine open the folder.
    pub(super) fn unlock(&mut self) {
        self.lock.release();
    }

    /// Closes the files.
    pub async fn close(self) -> Result<(), Error> {
        self.log.close().await;
        if let Some(registry) = Arc::into_inner(self.registry) {
            registry.close().await?;
        }
        if let Some(directory) = Arc::into_inner(self.directory) {
            directory.close().await?;
        }
        drop(self.lock);
        Ok(())
    }
}
