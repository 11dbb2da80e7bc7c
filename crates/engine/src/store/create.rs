//! Stores that may not exist yet: created, locked and given their first plan.

use std::fmt::Display;
use std::sync::Arc;

use domain::{Command, Plan, ProgrammeId, State};
use eventstore::{Clock, DatabaseStore, ExpectedVersion, Journal, Origin, programme_stream};
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
        Self::create(settings, Arc::new(RealClock), Mode::Production, (plan, origin)).await
    }

    /// Opens an embedded store to rehearse it: the same under another clock, with a mail directory
    /// whose clock can be set.
    pub async fn open_to_rehearse(
        home: &Home,
        plan: &Plan,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let origin = Origin { reason: Some("rehearsal".to_owned()), ..Origin::part("tramonto") };
        let settings = StoreSettings::embedded(home.folder());
        Self::create(settings, clock, Mode::Rehearsal, (plan, &origin)).await
    }

    async fn create(
        settings: StoreSettings,
        clock: Arc<dyn Clock>,
        mode: Mode,
        (plan, origin): (&Plan, &Origin),
    ) -> Result<Self, Error> {
        let (log, lock) = match &settings.url {
            StoreUrl::Postgres(_) => (settings.open_log(Arc::clone(&clock)).await?, None),
            StoreUrl::Folder(_) => {
                let home = settings.home()?;
                let lock = prepare(&home, mode).await?;
                (DatabaseStore::open(&home.log(), Arc::clone(&clock)).await?, Some(lock))
            }
        };
        let existing = programme_of(&log).await?;
        let is_new = existing.is_none();
        let programme = existing.unwrap_or_else(|| plan.programme.clone());
        let store = Self::over(settings, log, programme, clock, (State::default(), 0));
        if is_new {
            adopt(&store.journal, plan, origin).await?;
        }
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
async fn prepare(home: &Home, mode: Mode) -> Result<EngineLock, Error> {
    home.create()?;
    let lock = home.lock()?;
    if !home.exists() && !home.directory().exists() {
        Directory::create(&home.directory(), mode).await?.close().await?;
    }
    Ok(lock)
}

/// Makes this plan the programme's, unless another process has done it meanwhile.
async fn adopt(journal: &Journal, plan: &Plan, origin: &Origin) -> Result<(), Error> {
    let snapshot = journal.state().await?;
    if snapshot.plan().is_some() {
        return Ok(());
    }
    let events = snapshot.decide(Command::Adopt(plan.clone()), journal.now())?;
    drop(snapshot);
    let stream = programme_stream(journal.programme())?;
    journal.append(stream, ExpectedVersion::NoStream, &events, origin).await?;
    Ok(())
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
