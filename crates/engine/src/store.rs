//! A store of either kind, opened for queries, for decisions, or by an engine that works on it.
//!
//! Everything beside the log is opened when it is first needed and closed with the store. Queries
//! and decisions run beside an engine or services; only work on a folder takes the engine's lock.

mod archive;
mod create;
mod derived;
mod keys;
mod log;
mod settings;

use std::sync::Arc;

use ::archive::Archive;
use chrono::{DateTime, Utc};
use domain::{MailboxId, ProgrammeId, State};
use eventstore::{
    Clock, DatabaseStore, Direction, EventStore, Filter, Journal, RecordedEvent, StreamName,
};
use futures::future::BoxFuture;
use platform::Directory;
use projections::{History, Projections, Status, Table};
use registry::Registry;
use sql::Tables;
use tokio::sync::OnceCell;
use vouchers::{CodeStore, FORMAT, SCHEMA, Vouchers};

use crate::{EngineLock, Error, MailboxRef, RealClock, StoreUrl};
pub(crate) use archive::holder;
pub(crate) use create::other_programme;
use derived::Derived;
pub(crate) use derived::save_read_models;
pub use keys::KeySource;
pub use settings::{StoreSettings, expect_certificates};

/// An open store.
pub struct Store {
    settings: StoreSettings,
    journal: Arc<Journal>,
    log: DatabaseStore,
    /// The read models.
    derived: OnceCell<Derived>,
    registry: OnceCell<Arc<Registry>>,
    directory: OnceCell<Arc<Directory>>,
    vouchers: OnceCell<Vouchers>,
    messages: OnceCell<Arc<intake::Store>>,
    archive: OnceCell<Archive>,
    /// Keeps engines off a folder that is worked on.
    lock: Option<EngineLock>,
}

/// The programme that a log belongs to; `None` before a plan was adopted.
pub async fn programme_of(log: &dyn EventStore) -> Result<Option<ProgrammeId>, Error> {
    let filter = Filter { categories: vec!["programme".to_owned()] };
    let page = log.read_all(0, &filter, 1).await?;
    let Some(first) = page.events.first() else { return Ok(None) };
    let name = first.stream.as_str().strip_prefix("programme-").unwrap_or_default();
    name.parse().map(Some).map_err(Error::Invalid)
}

impl Store {
    /// Opens a store for queries.
    pub async fn open_to_read(settings: StoreSettings) -> Result<Self, Error> {
        let log = settings.open_log_to_read(Arc::new(RealClock)).await?;
        Self::with_log(settings, log).await
    }

    /// Opens a store for queries and decisions.
    pub async fn open_to_decide(settings: StoreSettings) -> Result<Self, Error> {
        let log = settings.open_log(Arc::new(RealClock)).await?;
        Self::with_log(settings, log).await
    }

    async fn with_log(settings: StoreSettings, log: DatabaseStore) -> Result<Self, Error> {
        let port: Arc<dyn EventStore> = Arc::new(log.clone());
        let Some(programme) = programme_of(&*port).await? else {
            return Err(Error::NotFound(format!(
                "the store at {} has no plan yet; run `tramonto plan adopt FILE --reason \
                 TEXT` or `tramonto \
                 registry import FILE.csv` first",
                settings.url
            )));
        };
        let (state, position, derived) = derived::folded(&settings.url, &programme, &port).await;
        let derived = OnceCell::new_with(derived);
        let clock = Arc::new(RealClock);
        Ok(Self { derived, ..Self::over(settings, log, programme, clock, (state, position)) })
    }

    /// A store over its open log, with the state of it that was folded up to a position.
    pub(crate) fn over(
        settings: StoreSettings,
        log: DatabaseStore,
        programme: ProgrammeId,
        clock: Arc<dyn Clock>,
        (state, position): (State, u64),
    ) -> Self {
        let journal = Journal::new(programme, Arc::new(log.clone()), clock, state, position);
        Self {
            settings,
            journal: Arc::new(journal),
            log,
            derived: OnceCell::new(),
            registry: OnceCell::new(),
            directory: OnceCell::new(),
            vouchers: OnceCell::new(),
            messages: OnceCell::new(),
            archive: OnceCell::new(),
            lock: None,
        }
    }

    /// The same, through another journal of its log.
    pub(crate) fn with_journal(self, journal: Arc<Journal>) -> Self {
        Self { journal, ..self }
    }

    /// Hands over the lock of a folder that is worked on.
    pub(crate) fn take_lock(&mut self) -> Option<EngineLock> {
        self.lock.take()
    }

    /// Writes what is queued and closes the log, which may be closed already.
    pub(crate) async fn close_log(&self) {
        self.log.close().await;
    }

    /// Closes what was opened.
    pub fn close(self) -> BoxFuture<'static, Result<(), Error>> {
        Box::pin(async move {
            drop(self.vouchers);
            if let Some(archive) = self.archive.into_inner() {
                archive.close().await?;
            }
            if let Some(messages) = self.messages.into_inner().and_then(Arc::into_inner) {
                messages.close().await?;
            }
            if let Some(registry) = self.registry.into_inner().and_then(Arc::into_inner) {
                registry.close().await?;
            }
            if let Some(directory) = self.directory.into_inner().and_then(Arc::into_inner) {
                directory.close().await?;
            }
            self.log.close().await;
            drop(self.lock);
            Ok(())
        })
    }

    /// Where it is and what opened it.
    pub fn settings(&self) -> &StoreSettings {
        &self.settings
    }

    /// The log in the domain's events.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// The event log.
    pub fn log(&self) -> &Arc<dyn EventStore> {
        self.journal.store()
    }

    /// Every event of a stream, in order; none where it does not exist yet.
    pub(crate) async fn read_stream(
        &self,
        stream: &StreamName,
    ) -> Result<Vec<RecordedEvent>, Error> {
        match self.log().read_stream(stream, 0, Direction::Forwards, usize::MAX).await {
            Err(eventstore::Error::StreamNotFound(_)) => Ok(Vec::new()),
            read => Ok(read?),
        }
    }

    /// The event at a position of the log.
    pub(crate) async fn event_at(&self, position: u64) -> Result<Option<RecordedEvent>, Error> {
        let before = position.saturating_sub(1);
        let page = self.log().read_all(before, &Filter::default(), 1).await?;
        Ok(page.events.into_iter().next())
    }

    /// The programme.
    pub fn programme(&self) -> &ProgrammeId {
        self.journal.programme()
    }

    /// The id of a mailbox.
    pub fn id_of(&self, number: u32) -> MailboxId {
        MailboxId::new(self.programme(), number)
    }

    /// The present; in a store that was rehearsed into the future, the end of its log.
    pub async fn now(&self) -> Result<DateTime<Utc>, Error> {
        let newest = self.event_at(self.log().head().await?).await?;
        let newest = newest.map(|event| event.recorded_at);
        Ok(newest.map_or(self.journal.now(), |newest| newest.max(self.journal.now())))
    }

    /// The past of mailboxes and of the population.
    pub async fn history(&self) -> Result<History, Error> {
        let open = || Derived::open_for_history(&self.settings.url, self.programme(), self.log());
        let derived = self.derived.get_or_try_init(open).await?;
        if derived.folder.is_some() {
            while derived.projections.sets.tick(self.journal.now()).await?.progress > 0 {}
        }
        Ok(derived.projections.history.clone())
    }

    /// Saves the read models of a folder up to the end of the log, where they can be used.
    pub(crate) async fn save_read_models(&self) {
        if let Some(derived) = self.derived.get() {
            save_read_models(&derived.projections, self.journal.now()).await;
        }
    }

    /// How far the read models have followed the log.
    pub async fn projections(&self, now: DateTime<Utc>) -> Result<Vec<Status>, Error> {
        let (programme, log) = (self.programme().clone(), Arc::clone(self.log()));
        if let StoreUrl::Folder(folder) = &self.settings.url {
            if let Some(derived) = self.derived.get().filter(|derived| derived.folder.is_none()) {
                return Ok(derived.projections.status(now).await?);
            }
            // Read models that this user cannot open have no status.
            let each = Projections::status_of_each(folder, programme, log, now).await;
            return Ok(each.unwrap_or_default());
        }
        let options = self.settings.connect_options()?;
        let table = Table::connect(options, programme, log, "status".to_owned());
        // A table that was never made has no status.
        let Ok(table) = table.await else { return Ok(Vec::new()) };
        Ok(vec![table.status(now).await?])
    }

    /// The number of a mailbox. An address is looked up in the registry and never repeated in an
    /// error.
    pub async fn number_of(&self, mailbox: &MailboxRef) -> Result<u32, Error> {
        let programme = self.programme();
        let number = match mailbox {
            MailboxRef::Number(number) => *number,
            MailboxRef::Id(id) => id.number(programme).ok_or_else(|| {
                Error::NotFound(format!(
                    "{id} is not a mailbox of programme {programme}; name it by its address"
                ))
            })?,
            MailboxRef::Address(address) => {
                let found = self.registry().await?.find_address(address).await?;
                return found.map(|entry| entry.number).ok_or_else(|| {
                    Error::NotFound(
                        "the registry has no such address; check its spelling".to_owned(),
                    )
                });
            }
        };
        if self.journal.state().await?.rights.registered.contains(number) {
            return Ok(number);
        }
        let id = self.id_of(number);
        Err(Error::NotFound(format!(
            "mailbox {id} (number {number}) is not registered; name it by its address"
        )))
    }

    /// The number of a mailbox, where one is named.
    pub async fn number_of_some(&self, mailbox: Option<&MailboxRef>) -> Result<Option<u32>, Error> {
        match mailbox {
            Some(mailbox) => self.number_of(mailbox).await.map(Some),
            None => Ok(None),
        }
    }

    /// The registry.
    pub async fn registry(&self) -> Result<&Arc<Registry>, Error> {
        self.registry.get_or_try_init(|| self.open_registry()).await
    }

    async fn open_registry(&self) -> Result<Arc<Registry>, Error> {
        if matches!(self.settings.url, StoreUrl::Postgres(_)) {
            let options = self.settings.connect_options()?;
            return Ok(Arc::new(Registry::connect(options, self.programme()).await?));
        }
        let path = self.settings.home()?.registry();
        if !path.exists() {
            return Err(Error::NotFound(format!(
                "there is no registry at {}; import one with `tramonto registry import FILE.csv`, \
                 or name the mailbox by its id",
                path.display()
            )));
        }
        Ok(Arc::new(Registry::open(&path, self.programme()).await?))
    }

    /// The mail directory.
    pub async fn directory(&self) -> Result<&Arc<Directory>, Error> {
        let open = || async { Ok(Arc::new(self.settings.open_directory().await?)) };
        self.directory.get_or_try_init(open).await
    }

    /// Sets the clock of a rehearsal's mail directory.
    pub async fn set_directory_clock(&self, instant: DateTime<Utc>) -> Result<(), Error> {
        Ok(self.directory().await?.set_clock(Some(instant)).await?)
    }

    /// The vouchers, with the programme's keys and the table of codes.
    pub async fn vouchers(&self) -> Result<&Vouchers, Error> {
        self.vouchers.get_or_try_init(|| self.open_vouchers()).await
    }

    async fn open_vouchers(&self) -> Result<Vouchers, Error> {
        let keyring = Arc::new(self.settings.keyring()?);
        let tables = match &self.settings.url {
            StoreUrl::Postgres(_) => {
                Tables::connect(self.settings.connect_options()?, &SCHEMA).await
            }
            StoreUrl::Folder(_) => Tables::open(&self.settings.home()?.vouchers(), &FORMAT).await,
        };
        let codes = CodeStore::open(tables.map_err(vouchers::Error::from)?, &keyring).await?;
        let (journal, registry) = (Arc::clone(&self.journal), Arc::clone(self.registry().await?));
        Ok(Vouchers::new(journal, registry, Arc::new(codes), keyring))
    }

    /// The messages received by e-mail, and the letters to send.
    pub async fn messages(&self) -> Result<&Arc<intake::Store>, Error> {
        let open = || async { Ok(Arc::new(self.settings.open_messages().await?)) };
        self.messages.get_or_try_init(open).await
    }
}
