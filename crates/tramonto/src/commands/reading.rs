//! A store opened for a look, or for one decision: no engine lock, beside an engine or services that run.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{MailboxId, ProgrammeId, State};
use eventstore::{Clock, EventStore, Filter, Journal};
use projections::{History, PostgresTable, Projections, Status};
use registry::Registry;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::cli::{Global, Target};
use crate::embedded::Store;
use crate::log::{Log, postgres_options};
use crate::{Error, RealClock, StorePlace};

/// A store that is looked at.
pub(super) struct Reading {
    global: Global,
    open: Log,
    pub(super) log: Arc<dyn EventStore>,
    pub(super) journal: Arc<Journal>,
    /// What is derived from the log; `None` where it can't be used, which is no reason not to look.
    derived: Option<Derived>,
    /// The same, opened when it was needed after all.
    for_this_look: OnceCell<Derived>,
}

/// What is derived from the log.
struct Derived {
    projections: Projections,
    /// That of a shared store is derived for one look, in a folder that is gone afterwards.
    folder: Option<TempDir>,
}

impl Reading {
    /// Opens the store for reading only.
    pub(super) async fn open(global: &Global) -> Result<Self, Error> {
        Self::of(global, Log::open_to_look(global, Arc::new(RealClock)).await?).await
    }

    /// Opens the store for decisions.
    pub(super) async fn open_to_decide(global: &Global) -> Result<Self, Error> {
        Self::of(global, Log::open_to_decide(global, Arc::new(RealClock)).await?).await
    }

    async fn of(global: &Global, open: Log) -> Result<Self, Error> {
        let log = open.port();
        let Some(programme) = Store::programme(&*log).await? else {
            return Err(Error::Usage(format!(
                "the store at {} has no plan yet; run `tramonto plan adopt FILE` or `tramonto registry import \
                 FILE.csv` first",
                global.store
            )));
        };
        let (state, position, derived) = known_before(global, &programme, &log).await;
        let clock: Arc<dyn Clock> = Arc::new(RealClock);
        let journal = Arc::new(Journal::new(programme, Arc::clone(&log), clock, state, position));
        let for_this_look = OnceCell::new();
        Ok(Self { global: global.clone(), open, log, journal, derived, for_this_look })
    }

    /// Carries out what is queued and closes the log.
    pub(super) async fn close(&self) {
        self.open.close().await;
    }

    /// Where the store is, as it may be shown.
    pub(super) fn place(&self) -> &StorePlace {
        &self.global.store
    }

    pub(super) fn programme(&self) -> &ProgrammeId {
        self.journal.programme()
    }

    /// The instant it is now; in a store that was rehearsed into the future, the end of its log.
    pub(super) async fn now(&self) -> Result<DateTime<Utc>, Error> {
        let head = self.log.head().await?;
        let last = self.log.read_all(head.saturating_sub(1), &Filter::default(), 1).await?;
        let newest = last.events.first().map(|event| event.recorded_at);
        Ok(newest.map_or(self.journal.now(), |newest| newest.max(self.journal.now())))
    }

    /// The past, found by the index of the sets.
    pub(super) async fn history(&self) -> Result<History, Error> {
        let open = || Derived::open(&self.global, self.journal.programme(), &self.log);
        let derived = match &self.derived {
            Some(derived) => derived,
            None => self.for_this_look.get_or_try_init(open).await?,
        };
        if derived.folder.is_some() {
            while derived.projections.sets().tick(self.journal.now()).await?.progress > 0 {}
        }
        Ok(derived.projections.history().clone())
    }

    /// How far what is derived from the log has come.
    pub(super) async fn followed(&self, now: DateTime<Utc>) -> Result<Vec<Status>, Error> {
        match (&self.derived, &self.global.store) {
            (Some(derived), _) => Ok(derived.projections.status(now).await?),
            (None, StorePlace::Folder(_)) => Ok(Vec::new()),
            (None, StorePlace::Postgres(url)) => {
                let options = postgres_options(&self.global, url)?;
                let (programme, log) = (self.programme().clone(), Arc::clone(&self.log));
                let table = PostgresTable::connect(options, programme, log, "status".to_owned());
                // Where it was never made there is nothing to tell of it.
                let Ok(table) = table.await else { return Ok(Vec::new()) };
                Ok(vec![table.status(now).await?])
            }
        }
    }

    /// The number of the mailbox that is meant. An address is looked up in the registry and never
    /// repeated in an answer.
    pub(super) async fn number_of(&self, target: &Target) -> Result<u32, Error> {
        let programme = self.programme();
        let number = match target {
            Target::Number(number) => *number,
            Target::Id(id) => id.number(programme).ok_or_else(|| {
                Error::Usage(format!(
                    "{id} is no mailbox of programme {programme}; look the mailbox up by its address"
                ))
            })?,
            Target::Address(address) => return self.number_of_address(address).await,
        };
        let snapshot = self.journal.state().await?;
        if snapshot.rights.registered().contains(number) {
            return Ok(number);
        }
        let id = MailboxId::new(programme, number);
        Err(Error::Usage(format!(
            "nobody asked for mailbox {id} (number {number}); look the mailbox up by its address"
        )))
    }

    async fn number_of_address(&self, address: &str) -> Result<u32, Error> {
        let registry = self.registry().await?;
        let found = registry.find_address(address).await?;
        registry.close().await?;
        found.map(|entry| entry.number).ok_or_else(|| {
            Error::Usage(
                "nobody asked for this address in the registry; check how it is written".to_owned(),
            )
        })
    }

    pub(super) async fn registry(&self) -> Result<Registry, Error> {
        if let StorePlace::Postgres(url) = &self.global.store {
            let options = postgres_options(&self.global, url)?;
            return Ok(Registry::connect(options, self.programme()).await?);
        }
        let path = self.global.home()?.registry();
        if !path.exists() {
            return Err(Error::Usage(format!(
                "there is no registry at {}; import one with `tramonto registry import FILE.csv`, or name the \
                 mailbox by its id",
                path.display()
            )));
        }
        Ok(Registry::open(&path, self.programme()).await?)
    }
}

impl Derived {
    async fn open(
        global: &Global,
        programme: &ProgrammeId,
        log: &Arc<dyn EventStore>,
    ) -> Result<Self, Error> {
        let (place, folder) = if let StorePlace::Folder(folder) = &global.store {
            (folder.clone(), None)
        } else {
            let folder = tempfile::tempdir().map_err(|source| Error::File {
                path: std::env::temp_dir(),
                advice: "no folder can be made there; make some room, or set TMPDIR".to_owned(),
                source,
            })?;
            (folder.path().to_owned(), Some(folder))
        };
        let projections = Projections::open(&place, programme.clone(), Arc::clone(log)).await?;
        Ok(Self { projections, folder })
    }
}

/// What the sets have already folded, if they can be used: a look never fails for their sake.
async fn known_before(
    global: &Global,
    programme: &ProgrammeId,
    log: &Arc<dyn EventStore>,
) -> (State, u64, Option<Derived>) {
    if matches!(global.store, StorePlace::Postgres(_)) {
        return (State::default(), 0, None);
    }
    let loaded = async {
        let opened = Derived::open(global, programme, log).await?;
        let (state, position) = opened.projections.state().await?;
        Ok::<_, Error>((state, position, Some(opened)))
    };
    loaded.await.unwrap_or_else(|error| {
        tracing::warn!("{error}; the log is read from its beginning instead");
        (State::default(), 0, None)
    })
}
