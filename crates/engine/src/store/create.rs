//! Stores that may not exist yet: created, locked and given their first plan.

use std::fmt::Display;
use std::sync::Arc;

use domain::{Command, Plan, ProgrammeId, State};
use eventstore::{
    Clock, DatabaseStore, EventStore, ExpectedVersion, Journal, Origin, programme_stream,
};
use platform::{Directory, Mode};
use registry::Registry;
use tokio::sync::OnceCell;

use super::{Store, StoreSettings, programme_of};
use crate::{EngineLock, Error, Home, RealClock, StoreUrl};

impl Store {
    /// Opens a store to import a registry: the plan of CEC-PAC is adopted where it has none.
    pub async fn open_to_import(settings: StoreSettings, actor: &str) -> Result<Self, Error> {
        let reason = Some("the first import adopts the plan of CEC-PAC".to_owned());
        let origin = Origin { reason, ..Origin::part(actor) };
        Self::open_to_fill(settings, &Plan::cec_pac()?, &origin).await
    }

    /// Opens a store to fill its registry: an embedded one is created where it is missing and
    /// locked against an engine, and `plan` is adopted where the store has no plan.
    pub async fn open_to_fill(
        settings: StoreSettings,
        plan: &Plan,
        origin: &Origin,
    ) -> Result<Self, Error> {
        let clock: Arc<dyn Clock> = Arc::new(RealClock);
        let (log, lock) = match &settings.url {
            StoreUrl::Postgres(_) => (settings.open_log(Arc::clone(&clock)).await?, None),
            StoreUrl::Folder(_) => {
                let home = settings.home()?;
                let lock = prepare(&home, Mode::Production).await?;
                let log = DatabaseStore::open(&home.log(), Arc::clone(&clock)).await?;
                (log, Some(lock))
            }
        };
        if programme_of(&log).await?.is_none() {
            drop(adopt(Arc::new(log.clone()), &settings.url, plan, clock, origin).await?);
        }
        let store = Self::with_log(settings, log).await?;
        let registry = match &store.settings.url {
            StoreUrl::Postgres(_) => store.open_registry().await?,
            StoreUrl::Folder(_) => {
                let path = store.settings.home()?.registry();
                Arc::new(Registry::open(&path, store.programme()).await?)
            }
        };
        Ok(Self { lock, registry: OnceCell::new_with(Some(registry)), ..store })
    }
}

/// Locks a folder for an engine, and creates the mail directory of a new store.
///
/// The directory is created before the log: a log without a directory means that it was lost.
pub(crate) async fn prepare(home: &Home, mode: Mode) -> Result<EngineLock, Error> {
    home.create()?;
    let lock = home.lock()?;
    if !home.exists() && !home.directory().exists() {
        Directory::create(&home.directory(), mode).await?.close().await?;
    }
    Ok(lock)
}

/// Makes this plan the programme's, where it has none yet. A store of another programme is refused.
pub async fn adopt(
    log: Arc<dyn EventStore>,
    place: &(dyn Display + Sync),
    plan: &Plan,
    clock: Arc<dyn Clock>,
    origin: &Origin,
) -> Result<Journal, Error> {
    let theirs = programme_of(&*log).await?;
    if let Some(theirs) = theirs.filter(|theirs| *theirs != plan.programme) {
        return Err(other_programme(place, &theirs, &plan.programme));
    }
    let journal = Journal::new(plan.programme.clone(), log, clock, State::default(), 0);
    let snapshot = journal.state().await?;
    let adopted = snapshot.plan().is_some();
    let events = if adopted {
        Vec::new()
    } else {
        snapshot.decide(Command::Adopt(plan.clone()), journal.now())?
    };
    drop(snapshot);
    if !events.is_empty() {
        let stream = programme_stream(journal.programme())?;
        journal.append(stream, ExpectedVersion::NoStream, &events, origin).await?;
    }
    Ok(journal)
}

/// The store belongs to another programme.
pub(crate) fn other_programme(
    place: &dyn Display,
    theirs: &ProgrammeId,
    other: &ProgrammeId,
) -> Error {
    Error::Refused(format!(
        "the store at {place} belongs to programme {theirs}, not {other}; name another with --store"
    ))
}
