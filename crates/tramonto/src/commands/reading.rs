//! A store opened for a look, or for one decision: no engine lock, beside an engine that runs.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{MailboxId, ProgrammeId, State};
use eventstore::{Clock, EventStore, Filter, Journal, SqliteStore};
use projections::{History, Projections, Registry, Status};

use crate::cli::{Global, Target};
use crate::engine::Store;
use crate::{Error, Home, RealClock};

/// A store that is looked at.
pub(super) struct Reading {
    pub(super) home: Home,
    pub(super) log: SqliteStore,
    pub(super) journal: Journal,
    /// What is derived from the log; `None` where it can't be used, which is no reason not to look.
    projections: Option<Projections>,
}

impl Reading {
    /// Opens the store for reading only.
    pub(super) async fn open(global: &Global) -> Result<Self, Error> {
        let home = global.home();
        home.expect_store()?;
        let log = SqliteStore::open_read_only(&home.log(), Arc::new(RealClock)).await?;
        Self::of(home, log).await
    }

    /// Opens the store for decisions.
    pub(super) async fn open_to_decide(global: &Global) -> Result<Self, Error> {
        let home = global.home();
        home.expect_store()?;
        let log = SqliteStore::open(&home.log(), Arc::new(RealClock)).await?;
        Self::of(home, log).await
    }

    async fn of(home: Home, log: SqliteStore) -> Result<Self, Error> {
        let Some(programme) = Store::programme(&log).await? else {
            return Err(Error::Usage(format!(
                "the store at {} has no plan yet; run `tramonto plan adopt FILE` or `tramonto import \
                 FILE.csv` first",
                home.folder().display()
            )));
        };
        let store: Arc<dyn EventStore> = Arc::new(log.clone());
        let (state, position, projections) = known_before(&home, &programme, &store).await;
        let clock: Arc<dyn Clock> = Arc::new(RealClock);
        let journal = Journal::new(programme, store, clock, state, position);
        Ok(Self { home, log, journal, projections })
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
        if let Some(projections) = &self.projections {
            return Ok(projections.history().clone());
        }
        let log: Arc<dyn EventStore> = Arc::new(self.log.clone());
        let opened = Projections::open(self.home.folder(), self.programme().clone(), log).await?;
        Ok(opened.history().clone())
    }

    /// How far what is derived from the log has come.
    pub(super) async fn followed(&self, now: DateTime<Utc>) -> Result<Vec<Status>, Error> {
        match &self.projections {
            Some(projections) => Ok(projections.status(now).await?),
            None => Ok(Vec::new()),
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
        let known = self.journal.known().await?;
        if known.state().rights.registered().contains(number) {
            return Ok(number);
        }
        let id = MailboxId::new(programme, number);
        Err(Error::Usage(format!(
            "nobody asked for mailbox {id} (number {number}); look the mailbox up by its address"
        )))
    }

    async fn number_of_address(&self, address: &str) -> Result<u32, Error> {
        let path = self.home.registry();
        if !path.exists() {
            return Err(Error::Usage(format!(
                "there is no registry at {}; import one with `tramonto import FILE.csv`, or name the \
                 mailbox by its id",
                path.display()
            )));
        }
        let registry = Registry::open(&path, self.programme()).await?;
        let found = registry.find_address(address).await?;
        registry.close().await?;
        found.map(|entry| entry.number).ok_or_else(|| {
            Error::Usage(
                "nobody asked for this address in the registry; check how it is written".to_owned(),
            )
        })
    }
}

/// What the sets have already folded, if they can be used: a look never fails for their sake.
async fn known_before(
    home: &Home,
    programme: &ProgrammeId,
    log: &Arc<dyn EventStore>,
) -> (State, u64, Option<Projections>) {
    let loaded = async {
        let opened = Projections::open(home.folder(), programme.clone(), Arc::clone(log)).await?;
        let (state, position) = opened.state().await?;
        Ok::<_, projections::Error>((state, position, Some(opened)))
    };
    loaded.await.unwrap_or_else(|error| {
        tracing::warn!("{error}; the log is read from its beginning instead");
        (State::default(), 0, None)
    })
}
