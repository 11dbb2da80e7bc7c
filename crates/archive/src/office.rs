//! Where requests for logs are decided and carried out: the one hand that writes the archive's stream.
//!
//! Invariants: every decision is appended at the version it was made at; an extract that is handed out was
//! recorded as handed out before; extracts that nobody may have any more are deleted by every
//! [`Office::expire`], and what an interrupted preparation has left an hour later.

mod destroy;
mod discard;
mod hand_out;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Event, LogCommand, LogExtractPrepared, LogRequest, LogStanding, Requester, State};
use eventstore::{Deciding, Journal, Origin, archive_stream, erasure_stream};
use keyring::Keyring;
use rand::TryRng;
use uuid::Uuid;

use crate::extract::sha256;
use crate::link::{Hashes, Link};
use crate::{Error, Extract, Index, IndexRequest, Indexed, LogArchive, Period, Subject};

pub use destroy::Remains;
pub use discard::discard_ended;
pub use hand_out::Opened;

/// Decides on requests, prepares extracts, and hands them out.
pub struct Office {
    journal: Arc<Journal>,
    pub(crate) index: Index,
    keys: Keyring,
    pub(crate) hashes: Hashes,
    /// Where extracts lie until their time is over.
    folder: PathBuf,
}

/// Whose extract is prepared, as the registry knows them.
#[derive(Clone)]
pub struct Holder {
    /// The mailbox's address.
    pub address: String,
    /// What the link asks its holder for.
    pub codice_fiscale: String,
}

/// How an extract is handed out.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// For how long its link opens it.
    pub lasting: TimeDelta,
    /// Does the link go by letter? One that is shown belongs to who sees it: no letter may take its place.
    pub by_letter: bool,
}

/// An extract that lies ready.
#[derive(Debug)]
pub struct Ready {
    /// What was recorded of it.
    pub prepared: LogExtractPrepared,
    /// The secret of its link: it is shown once and kept nowhere.
    pub secret: String,
}

impl std::fmt::Debug for Office {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Office").field("index", &self.index).finish_non_exhaustive()
    }
}

impl Office {
    /// The office of a programme, with its index and its folder of extracts.
    pub fn new(journal: Arc<Journal>, index: Index, keys: Keyring, folder: PathBuf) -> Self {
        let hashes = Hashes::new(&keys);
        Self { journal, index, keys, hashes, folder }
    }

    /// The index.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The log that it writes to.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Where extracts lie until their time is over.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Closes the index.
    pub async fn close(self) -> Result<(), Error> {
        self.index.close().await
    }

    /// Decides on a command and appends what comes of it. Who is erased meanwhile is looked at again.
    pub async fn decide(&self, command: LogCommand, origin: &Origin) -> Result<Vec<Event>, Error> {
        let programme = self.journal.programme();
        let on = Deciding::on(archive_stream(programme)?).beside(erasure_stream(programme)?);
        let decided = self.journal.decide(&on, origin, |state, now| {
            Ok::<_, Error>(state.decide_log_request(command.clone(), now)?)
        });
        Ok(decided.await?.0)
    }

    /// Something of the state as it is known now.
    pub async fn look<T>(&self, at: impl FnOnce(&State) -> T) -> Result<T, Error> {
        Ok(at(self.journal.known().await?.state()))
    }

    /// Prepares the extract of a verified request out of an archive, with a link on these terms.
    /// Of a request that has an extract, a new one takes its place, and a new link that of the old.
    pub async fn prepare(
        &self,
        request: Uuid,
        holder: &Holder,
        archive: &dyn LogArchive,
        terms: Terms,
        origin: &Origin,
    ) -> Result<Ready, Error> {
        let (open, zone) = self
            .look(|state| {
                let open = state.log_requests.open().get(&request).cloned();
                (open, state.plan().map(|plan| plan.zone))
            })
            .await?;
        let (Some(open), Some(zone)) = (open, zone) else {
            return Err(Error::Refused(format!(
                "no request {request} is open; look at `logs list`"
            )));
        };
        if open.standing == LogStanding::Requested {
            let unsure = "it is not sure yet who asked; verify the request first";
            return Err(Error::Refused(unsure.to_owned()));
        }
        let period = Period::days(open.from, open.through, zone);
        let mut entries = archive.messages(&holder.address, period).await?;
        let forgotten = self.hashes.forgotten(&self.index).await?;
        entries.retain(|entry| {
            let mut parties = entry.sender.iter().chain(&entry.recipients);
            !parties.any(|party| forgotten.has(party))
        });
        let subject = Subject {
            programme: self.journal.programme().clone(),
            request,
            number: open.number,
            address: holder.address.clone(),
            from: open.from,
            through: open.through,
            zone,
        };
        let now = self.journal.now();
        let extract = Extract::pack(&subject, &entries, &self.keys, now)?;
        let expires_at = now.checked_add_signed(terms.lasting).unwrap_or(DateTime::<Utc>::MAX_UTC);
        self.keep(request, &extract.bytes)?;
        let secret = self.link(request, &open, holder, (expires_at, !terms.by_letter)).await?;
        let prepared = LogExtractPrepared {
            request,
            number: open.number,
            files: extract.files,
            rows: extract.rows,
            first: extract.first,
            last: extract.last,
            sha256: extract.sha256,
            expires_at,
        };
        self.decide(LogCommand::Prepare(prepared.clone()), origin).await?;
        Ok(Ready { prepared, secret })
    }

    /// Makes the link of an extract that lies ready anew, for a letter; the one before opens nothing any more.
    /// `None` where no extract lies ready, or its link was shown to an operator.
    pub async fn relink(&self, request: Uuid, holder: &Holder) -> Result<Option<String>, Error> {
        let open = self.look(|state| state.log_requests.open().get(&request).cloned()).await?;
        let Some(open) = open else { return Ok(None) };
        let LogStanding::Prepared { expires_at, .. } = open.standing else { return Ok(None) };
        if self.index.is_shown(request).await? {
            return Ok(None);
        }
        self.link(request, &open, holder, (expires_at, false)).await.map(Some)
    }

    async fn link(
        &self,
        request: Uuid,
        open: &LogRequest,
        holder: &Holder,
        (expires_at, shown): (DateTime<Utc>, bool),
    ) -> Result<String, Error> {
        let mut bits = [0; 32];
        rand::rngs::SysRng.try_fill_bytes(&mut bits).map_err(|error| {
            Error::Extract(format!("the system gives no random bits ({error}); try again"))
        })?;
        let secret = URL_SAFE_NO_PAD.encode(bits);
        let asked = open.by == Requester::Holder;
        let link = Link {
            hash: self.hashes.link(&secret),
            request,
            number: open.number,
            holder: asked.then(|| self.hashes.holder(request, &holder.codice_fiscale)),
            wrong: 0,
            expires_at,
            shown,
        };
        self.index.put_link(&link).await?;
        Ok(secret)
    }

    /// Those whose link has not had its time and whose extract is not there: it named somebody who was erased since,
    /// or was lost.
    pub async fn withdrawn(&self) -> Result<Vec<(Uuid, u32)>, Error> {
        let now = self.journal.now();
        let ready = self.look(|state| {
            let open = state.log_requests.open().iter();
            let ready = open.filter(|(_, open)| {
                matches!(&open.standing, LogStanding::Prepared { expires_at, .. } if now < *expires_at)
            });
            ready.map(|(request, open)| (*request, open.number)).collect::<Vec<_>>()
        });
        let mut withdrawn = ready.await?;
        withdrawn.retain(|(request, _)| !self.file(*request).exists());
        Ok(withdrawn)
    }

    /// Ends the links that have had their time, and deletes every extract that nobody may have any more.
    pub async fn expire(&self, origin: &Origin) -> Result<Vec<Event>, Error> {
        let events = self.decide(LogCommand::Expire, origin).await?;
        discard_ended(&self.journal, &self.folder).await?;
        Ok(events)
    }

    /// Reads logs into the index; nobody who was erased comes back with them.
    pub async fn read_logs(
        &self,
        request: IndexRequest,
        progress: impl FnMut(u64),
    ) -> Result<Indexed, Error> {
        let forgotten = self.hashes.forgotten(&self.index).await?;
        self.index.read_logs_without(forgotten, request, progress).await
    }

    /// The extracts that lie in the folder.
    pub(crate) fn extracts(&self) -> Result<Vec<PathBuf>, Error> {
        files_in(&self.folder)
    }

    /// The extract of a request, if it is the one that was recorded.
    pub(crate) fn read(&self, request: Uuid, recorded: &str) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.file(request)).ok()?;
        (sha256(&bytes) == recorded).then_some(bytes)
    }

    fn file(&self, request: Uuid) -> PathBuf {
        self.folder.join(format!("{request}.zip"))
    }

    /// Puts an extract where it lies until its time is over; whole, or not at all.
    fn keep(&self, request: Uuid, bytes: &[u8]) -> Result<(), Error> {
        let file = self.file(request);
        let failed = |source| unwritable(&file, source);
        make_private(&self.folder).map_err(failed)?;
        let mut part = tempfile::NamedTempFile::new_in(&self.folder).map_err(failed)?;
        part.write_all(bytes).and_then(|()| part.as_file().sync_all()).map_err(failed)?;
        part.persist(&file).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

/// The files of a folder, which may not be there.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unwritable(folder, error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths =
        paths.collect::<Result<Vec<_>, _>>().map_err(|error| unwritable(folder, error))?;
    paths.sort();
    Ok(paths)
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

pub(crate) fn unwritable(path: &Path, source: std::io::Error) -> Error {
    let advice = "it can't be written; look at the rights of its folder and the room there";
    Error::File { path: path.to_owned(), advice: advice.to_owned(), source }
}
