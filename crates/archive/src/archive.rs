//! Log requests: decided on the archive's stream, and carried out on its index and its folder of
//! exports.
//!
//! Invariants: every decision is appended at the version it was made at; access to an export is
//! recorded before the export is served; every [`Archive::expire`] deletes expired exports, and the
//! temporary files of interrupted preparations after an hour.

mod destroy;
mod expired;
mod prepare;
mod serve;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::{Event, LogCommand, LogStanding, State};
use eventstore::{Decision, Journal, Origin, archive_stream, erasure_stream};
use keyring::Keyring;
use uuid::Uuid;

use crate::export::sha256;
use crate::hashes::{ErasedAddresses, Hashes};
use crate::{Error, Index, IndexRequest, Indexed};

pub use destroy::Remaining;
pub use expired::delete_expired;
pub use prepare::{Holder, Ready, Terms};
pub use serve::Access;

/// The message logs of a programme: requests, exports, destruction.
pub struct Archive {
    journal: Arc<Journal>,
    pub(crate) index: Index,
    keys: Keyring,
    pub(crate) hashes: Hashes,
    /// The folder of exports.
    folder: PathBuf,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("index", &self.index).finish_non_exhaustive()
    }
}

impl Archive {
    /// The archive of a programme, with its index and its folder of exports.
    pub fn new(journal: Arc<Journal>, index: Index, keys: Keyring, folder: PathBuf) -> Self {
        let hashes = Hashes::new(&keys);
        Self { journal, index, keys, hashes, folder }
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The event log.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// The folder of exports.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Closes the index.
    pub async fn close(self) -> Result<(), Error> {
        self.index.close().await
    }

    /// Decides on a command and appends the events; decides again after a concurrent erasure.
    pub async fn decide(&self, command: LogCommand, origin: &Origin) -> Result<Vec<Event>, Error> {
        let programme = self.journal.programme();
        let on = Decision::on(archive_stream(programme)?).depends_on(erasure_stream(programme)?);
        let decided = self.journal.decide(&on, origin, |state, now| {
            Ok::<_, Error>(state.decide_log_request(command.clone(), now)?)
        });
        Ok(decided.await?.0)
    }

    /// Reads from the current state.
    pub async fn read_state<T>(&self, at: impl FnOnce(&State) -> T) -> Result<T, Error> {
        Ok(at(&*self.journal.state().await?))
    }

    /// Requests whose link is valid but whose export is missing: it named a holder who was erased
    /// since, or was lost.
    pub async fn withdrawn(&self) -> Result<Vec<(Uuid, u32)>, Error> {
        let now = self.journal.now();
        let ready = self.read_state(|state| {
            let open = state.log_requests.open.iter();
            let ready = open.filter(|(_, open)| {
                let LogStanding::Prepared { expires_at, .. } = &open.standing else { return false };
                now < *expires_at
            });
            ready.map(|(request, open)| (*request, open.number)).collect::<Vec<_>>()
        });
        let mut withdrawn = ready.await?;
        withdrawn.retain(|(request, _)| !self.file(*request).exists());
        Ok(withdrawn)
    }

    /// Expires links, and deletes expired exports.
    pub async fn expire(&self, origin: &Origin) -> Result<Vec<Event>, Error> {
        let events = self.decide(LogCommand::Expire, origin).await?;
        delete_expired(&self.journal, &self.folder).await?;
        Ok(events)
    }

    /// Indexes logs, without the messages of erased holders.
    pub async fn read_logs(
        &self,
        request: IndexRequest,
        progress: impl FnMut(u64),
    ) -> Result<Indexed, Error> {
        let erased_addresses = self.erased_addresses().await?;
        self.index.read_logs_without(erased_addresses, request, progress).await
    }

    async fn erased_addresses(&self) -> Result<ErasedAddresses, Error> {
        Ok(self.hashes.erased_addresses(self.index.erased_hashes().await?))
    }

    /// The files in the folder of exports.
    pub(crate) fn exports(&self) -> Result<Vec<PathBuf>, Error> {
        files_in(&self.folder)
    }

    /// The export of a request, if it is the one that was recorded.
    pub(crate) fn read(&self, request: Uuid, recorded: &str) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.file(request)).ok()?;
        (sha256(&bytes) == recorded).then_some(bytes)
    }

    fn file(&self, request: Uuid) -> PathBuf {
        self.folder.join(format!("{request}.zip"))
    }
}

/// The files of a folder; none if it does not exist.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unwritable(folder, error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths =
        paths.collect::<Result<Vec<_>, _>>().map_err(|error| unwritable(folder, error))?;
    paths.sort();
    Ok(paths)
}

/// Deletes a file; false if it did not exist.
pub(crate) fn remove(file: &Path) -> Result<bool, Error> {
    match std::fs::remove_file(file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unwritable(file, error)),
    }
}

pub(crate) fn unwritable(path: &Path, source: std::io::Error) -> Error {
    let advice = "cannot be written; check the permissions and free space of its folder";
    Error::file(path, advice, source)
}
