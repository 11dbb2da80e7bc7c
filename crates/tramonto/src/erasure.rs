//! Every place where something is known of holders as people, gone through to erase some of them, and to look
//! whether a text is left anywhere.
//!
//! Invariants: a place is done again as if it had not been, so that an erasure that was interrupted goes on
//! from its beginning; the registry, which says whose addresses they are, comes last. Deliberately absent: a
//! provider's own platform, and backups.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use domain::{ProgrammeId, State};
use projections::{Registry, RegistryEntry};
use roaring::RoaringBitmap;
use uuid::Uuid;
use workers::platform::{Directory, PostgresDirectory};

use crate::cli::Global;
use crate::log::postgres_options;
use crate::{EngineLock, Error, Home, StorePlace};

/// The places, open for erasing.
pub(crate) struct Places {
    registry: Registry,
    /// Where any e-mail ever came.
    messages: Option<intake::Store>,
    /// Where any log of messages was ever read.
    archive: Option<Archive>,
    directory: Option<MailDirectory>,
    /// No engine works on the folder meanwhile.
    _lock: Option<EngineLock>,
}

/// Whose data are erased, and what is known of them.
pub(crate) struct Whose {
    /// The holders.
    pub(crate) holders: RoaringBitmap,
    /// Their requests for logs that are not over: each may have an extract.
    pub(crate) requests: BTreeSet<Uuid>,
    /// Has the programme ended?
    pub(crate) ended: bool,
    /// Is the destruction of the log of messages on record?
    pub(crate) logs_destroyed: bool,
}

impl Whose {
    /// Everyone who is to be erased.
    pub(crate) fn pending(state: &State) -> Self {
        let holders = state.erasure.pending();
        let requests = state.log_requests.open().iter();
        let theirs = requests.filter(|(_, request)| holders.contains(request.number));
        let requests = theirs.map(|(id, _)| *id).collect();
        let (ended, logs_destroyed) = (state.has_ended(), state.log_requests.destroyed().is_some());
        Self { holders, requests, ended, logs_destroyed }
    }
}

/// The index of the log of messages, and the folder of its extracts.
struct Archive {
    index: archive::Index,
    extracts: PathBuf,
}

enum MailDirectory {
    File(Box<Directory>),
    Server(Box<PostgresDirectory>),
}

impl Places {
    /// Those of a store. The engine of a folder must not run: it would go on reading what is written anew.
    pub(crate) async fn open(
        global: &Global,
        archive: Option<&Home>,
        programme: &ProgrammeId,
    ) -> Result<Self, Error> {
        let archive = match archive {
            Some(home) if home.archive().exists() => {
                let index = archive::Index::open(&home.archive()).await?;
                Some(Archive { index, extracts: home.extracts() })
            }
            Some(_) | None => None,
        };
        let StorePlace::Postgres(url) = &global.store else {
            let home = global.home()?;
            let lock = home.lock()?;
            let registry = Registry::open(&home.registry(), programme).await?;
            let path = home.directory();
            let directory = if path.exists() {
                Some(MailDirectory::File(Box::new(Directory::open(&path).await?)))
            } else {
                None
            };
            let path = home.intake();
            let messages =
                if path.exists() { Some(intake::Store::open(&path).await?) } else { None };
            return Ok(Self { registry, messages, archive, directory, _lock: Some(lock) });
        };
        let options = postgres_options(global, url)?;
        let registry = Registry::connect(options.clone(), programme).await?;
        let messages = Some(intake::Store::connect(options.clone()).await?);
        let directory = PostgresDirectory::open(options).await?;
        let directory = Some(MailDirectory::Server(Box::new(directory)));
        Ok(Self { registry, messages, archive, directory, _lock: None })
    }

    /// Erases these holders in every place, and says how much there was in each. Once the programme has ended
    /// no e-mail is of any use, so all of them go.
    pub(crate) async fn erase(&self, whose: &Whose) -> Result<BTreeMap<String, u64>, Error> {
        let (holders, mut erased) = (&whose.holders, BTreeMap::new());
        if let Some(archive) = &self.archive {
            let held = archive.index.held().await?;
            let anything = held.messages + held.links > 0;
            if whose.ended && !whose.logs_destroyed && anything {
                let sentence =
                    "the log of messages is still there; destroy it first: tramonto logs destroy";
                return Err(Error::Usage(sentence.to_owned()));
            }
            let addresses = if anything { self.addresses(holders).await? } else { Vec::new() };
            let requests = &whose.requests;
            let theirs = archive::Erased { numbers: holders, addresses: &addresses, requests };
            let gone = archive::erase(&archive.index, &archive.extracts, theirs).await?;
            erased.insert("extracts".to_owned(), gone);
        }
        if let Some(messages) = &self.messages {
            let gone = if whose.ended {
                messages.erase_all().await?
            } else {
                messages.erase(holders, &self.known_by(holders).await?).await?
            };
            erased.insert("messages".to_owned(), gone);
        }
        if let Some(directory) = &self.directory {
            let addresses = match directory {
                MailDirectory::File(directory) => directory.erase(holders).await?,
                MailDirectory::Server(directory) => directory.erase(holders).await?,
            };
            erased.insert("directory".to_owned(), addresses);
        }
        erased.insert("registry".to_owned(), self.registry.erase(holders).await?);
        Ok(erased)
    }

    async fn addresses(&self, holders: &RoaringBitmap) -> Result<Vec<String>, Error> {
        let addresses = self.registry.addresses_of(holders).await?;
        Ok(addresses.into_iter().map(|(_, address, _)| address).collect())
    }

    /// By what holders can be known in an e-mail: holder, mailbox, and address for notices.
    async fn known_by(&self, holders: &RoaringBitmap) -> Result<Vec<String>, Error> {
        let mut texts = Vec::new();
        for number in holders {
            if let Some(RegistryEntry { registration, .. }) = self.registry.find(number).await? {
                texts.push(registration.codice_fiscale.to_string());
                texts.push(registration.address);
                texts.extend(registration.notify_email);
            }
        }
        Ok(texts)
    }

    /// Closes them.
    pub(crate) async fn close(self) {
        let closed = self.registry.close().await.map_err(Error::from);
        let closed = match self.archive {
            Some(archive) => closed.and(archive.index.close().await.map_err(Error::from)),
            None => closed,
        };
        let closed = match self.messages {
            Some(messages) => closed.and(messages.close().await.map_err(Error::from)),
            None => closed,
        };
        let closed = match self.directory {
            Some(MailDirectory::File(directory)) => {
                closed.and(directory.close().await.map_err(Error::from))
            }
            Some(MailDirectory::Server(directory)) => {
                directory.close().await;
                closed
            }
            None => closed,
        };
        if let Err(error) = closed {
            tracing::warn!("a place could not be closed: {error}");
        }
    }
}

/// Bytes read at a time.
const PIECE: u64 = 1 << 20;

/// How often one of these texts stands in each file below a folder, in capitals or small letters.
pub(crate) fn traces(folder: &Path, texts: &[String]) -> Result<Vec<(String, u64)>, Error> {
    let texts: Vec<Vec<u8>> = texts.iter().map(|text| text.to_ascii_lowercase().into()).collect();
    let mut found = BTreeMap::new();
    look(folder, folder, &texts, &mut found)?;
    Ok(found.into_iter().collect())
}

fn look(
    root: &Path,
    folder: &Path,
    texts: &[Vec<u8>],
    found: &mut BTreeMap<String, u64>,
) -> Result<(), Error> {
    let failed = |path: &Path, source| Error::File {
        path: path.to_owned(),
        advice: "it can't be looked into; look at its rights".to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(|source| failed(folder, source))? {
        let entry = entry.map_err(|source| failed(folder, source))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|source| failed(&path, source))?;
        if kind.is_dir() {
            look(root, &path, texts, found)?;
        } else if kind.is_file() {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            let named = count(name.as_bytes().to_ascii_lowercase().as_slice(), texts);
            let file = File::open(&path).map_err(|source| failed(&path, source))?;
            let inside = count_in(file, texts).map_err(|source| failed(&path, source))?;
            // A file whose name tells is not named.
            let name = if named > 0 { "a file named so".to_owned() } else { name };
            *found.entry(name).or_default() += named + inside;
        }
    }
    Ok(())
}

/// Counts piece by piece; pieces overlap by one byte less than the longest text, and what begins in an overlap
/// is counted once.
fn count_in(mut file: impl Read, texts: &[Vec<u8>]) -> std::io::Result<u64> {
    let overlap = texts.iter().map(Vec::len).max().unwrap_or(1).saturating_sub(1);
    let (mut window, mut traces) = (Vec::new(), 0);
    loop {
        let kept = window.len();
        let read = file.by_ref().take(PIECE).read_to_end(&mut window)?;
        if let Some(new) = window.get_mut(kept..) {
            new.make_ascii_lowercase();
        }
        if read == 0 {
            return Ok(traces + count(&window, texts));
        }
        let done = window.len().saturating_sub(overlap);
        traces += texts.iter().map(|text| begun_before(&window, text, done)).sum::<u64>();
        window.drain(..done);
    }
}

fn count(bytes: &[u8], texts: &[Vec<u8>]) -> u64 {
    texts.iter().map(|text| begun_before(bytes, text, bytes.len())).sum()
}

/// How often a text stands in the bytes, beginning before that place.
fn begun_before(bytes: &[u8], text: &[u8], end: usize) -> u64 {
    let places = memchr::memmem::find_iter(bytes, text);
    u64::try_from(places.take_while(|place| *place < end).count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::count_in;

    const PIECE: usize = 1 << 20;

    #[test]
    fn a_text_is_counted_once_wherever_it_lies() {
        let texts = [b"needle".to_vec(), b"cs".to_vec()];
        for place in [0, 5, PIECE - 7, PIECE - 6, PIECE - 3, PIECE - 1, PIECE, 2 * PIECE - 2] {
            let mut bytes = vec![b'.'; 3 * PIECE];
            bytes[place..place + 6].copy_from_slice(b"NeeDLe");
            assert_eq!(count_in(&bytes[..], &texts).unwrap(), 1, "at {place}");
        }
        assert_eq!(count_in(&b"needle"[..], &texts).unwrap(), 1);
        assert_eq!(count_in(&b"needl"[..], &texts).unwrap(), 0);
        assert_eq!(count_in(&b""[..], &texts).unwrap(), 0);
    }
}
