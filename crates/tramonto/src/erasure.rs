//! Every place where something is known of holders as people, gone through to erase some of them.
//!
//! Invariants: a place is done again as if it had not been, so that an erasure that was interrupted goes on
//! from its beginning; the registry, which says whose addresses they are, comes last. Deliberately absent: a
//! provider's own platform, and backups.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use domain::{LogStanding, ProgrammeId, State};
use keyring::Keyring;
use platform::{Directory, PostgresDirectory};
use registry::{Entry as RegistryEntry, Registry};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::cli::Global;
use crate::commands::keyring;
use crate::log::postgres_options;
use crate::{EngineLock, Error, Home, StorePlace};

/// The places, open for erasing.
pub(crate) struct Places {
    registry: Registry,
    /// Where any e-mail ever came.
    messages: Option<intake::Store>,
    /// The log of messages, where there is one.
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
    /// May logs of messages still be read that were not read by now?
    pub(crate) logs_may_come: bool,
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
        let with_logs =
            |phase: &domain::Phase| phase.allows.contains(domain::Capability::RequestLogs);
        let asked_for = state.plan().is_some_and(|plan| plan.phases.iter().any(with_logs));
        let logs_may_come = asked_for && !ended && !logs_destroyed;
        Self { holders, requests, ended, logs_may_come, logs_destroyed }
    }
}

/// The index of the log of messages, and the folder of its extracts.
struct Archive {
    index: archive::Index,
    extracts: PathBuf,
    keys: Keyring,
}

enum MailDirectory {
    File(Box<Directory>),
    Server(Box<PostgresDirectory>),
}

/// Where the log of messages lies; `None` where there never was one. Where nothing says it, nobody may pass it over
/// in silence: who is in it would be told to be gone.
pub(crate) fn place_of_logs(
    named: Option<PathBuf>,
    none: bool,
    global: &Global,
) -> Result<Option<Home>, Error> {
    let is_named = named.is_some();
    let home = match (named, &global.store) {
        (Some(folder), _) => Home::new(folder),
        (None, StorePlace::Folder(folder)) => Home::new(folder.clone()),
        (None, StorePlace::Postgres(_)) if none => return Ok(None),
        (None, StorePlace::Postgres(_)) => {
            return Err(Error::Usage(
                "the log of messages is kept in a folder, not in a database; name it with --archive, or say \
                 --no-archive where there never was one"
                    .to_owned(),
            ));
        }
    };
    let is_there = home.archive().exists() || home.extracts().exists();
    match (is_there, none) {
        (true, false) => Ok(Some(home)),
        (true, true) => Err(Error::Usage(
            "there is a log of messages in the folder; leave --no-archive out".to_owned(),
        )),
        (false, false) if is_named => Err(Error::Usage(
            "there is no log of messages in the folder that --archive names; name the one that has it, or say \
             --no-archive where there never was one"
                .to_owned(),
        )),
        (false, _) => Ok(None),
    }
}

/// Does the log of events know of a log of messages that must be somewhere?
pub(crate) fn expect_no_logs(state: &State) -> Result<(), Error> {
    let mut open = state.log_requests.open().values();
    let ready = open.any(|open| matches!(open.standing, LogStanding::Prepared { .. }));
    let kept = state.log_requests.destroyed().is_some_and(|(_, gone)| !gone.kept.is_empty());
    if ready || kept {
        let sentence = "there is a log of messages: extracts lie ready, or a hold kept some of it; name its \
                        folder with --archive";
        return Err(Error::Usage(sentence.to_owned()));
    }
    Ok(())
}

impl Places {
    /// Those of a store. The engine of a folder must not run: it would go on reading what is written anew.
    pub(crate) async fn open(
        global: &Global,
        archive: Option<&Home>,
        programme: &ProgrammeId,
    ) -> Result<Self, Error> {
        let archive = match archive {
            Some(home) => {
                let index = archive::Index::open(&home.archive()).await?;
                Some(Archive { index, extracts: home.extracts(), keys: keyring(global)? })
            }
            None => None,
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
                let sentence = "the log of messages is still there; destroy it first: tramonto mail-log destroy";
                return Err(Error::Usage(sentence.to_owned()));
            }
            let named = anything || !whose.ended;
            let addresses = if named { self.addresses(holders).await? } else { Vec::new() };
            let known_by = if named { self.known_by(holders).await? } else { Vec::new() };
            let theirs = archive::ErasureSubjects {
                numbers: holders,
                addresses: &addresses,
                known_by: &known_by,
                keys: &archive.keys,
                requests: &whose.requests,
            };
            let gone = archive::erase(&archive.index, &archive.extracts, theirs).await?;
            erased.insert("extracts".to_owned(), gone.extracts);
            if gone.withdrawn > 0 {
                erased.insert("withdrawn-extracts".to_owned(), gone.withdrawn);
            }
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
