//! A running import: batches of validated rows into the registry, and their events into the log.
//!
//! Registrations are written here only, for a file and for a single row alike. Input and rejects
//! are values; files are the caller's.

use std::collections::HashMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use domain::{Event, Plan, RegistryImported};
use eventstore::EventStore;

use super::announce::{self, Announcer};
use super::decide::{Decided, Held, Rejected, decide};
use super::known::Known;
use super::rows::FileRow;
use super::{Error, Sizes, Summary};
use crate::store::{ImportState, Importing, Keys, Registry, Write};

/// The actor and reason of the events.
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) actor: &'a str,
    pub(super) reason: Option<&'a str>,
}

/// The context of an import.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) store: &'a dyn EventStore,
    pub(super) registry: &'a Registry,
    pub(super) plan: &'a Plan,
    pub(super) now: DateTime<Utc>,
    pub(super) by: By<'a>,
    pub(super) sizes: Sizes,
}

/// Was the same source imported before?
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// No.
    No,
    /// The last import was of it and was interrupted.
    Resumed,
    /// The last import was of it and finished.
    Finished,
}

impl<'a> Context<'a> {
    /// Acquires the import lock, after checking that the registry and the log agree.
    pub(super) async fn importing(&self) -> Result<Importing<'a>, Error> {
        let (store, registry) = (self.store, self.registry);
        registry.expect(&self.plan.programme)?;
        let mut importing = registry.importing().await?;
        announce::drain(store, &mut importing).await?;
        let in_log = announce::next_in_log(store, registry.programme()).await?;
        let in_registry = u64::from(registry.next_number().await?);
        if in_log == in_registry {
            return Ok(importing);
        }
        Err(Error::Apart { in_log, in_registry })
    }

    /// The import to run: the last one, if it was interrupted and had the same source, or a new
    /// one.
    pub(super) async fn state(&self, source: &str) -> Result<(ImportState, Again), Error> {
        let last = self.registry.last_import().await?;
        let of_same = last.as_ref().filter(|last| last.source == source);
        if let Some(broken) = of_same.filter(|last| !last.finished) {
            return Ok((broken.clone(), Again::Resumed));
        }
        let again = if of_same.is_some() { Again::Finished } else { Again::No };
        let import = ImportState {
            number: last.as_ref().map_or(1, |last| last.number.saturating_add(1)),
            source: source.to_owned(),
            started_at: self.now,
            first_new: self.registry.next_number().await?,
            finished: false,
        };
        Ok((import, again))
    }

    /// Starts an import that knows the rows which its own may be or collide with.
    pub(super) async fn begin(
        &self,
        importing: Importing<'a>,
        mut known: Known,
        import: &'a ImportState,
        again: Again,
    ) -> Result<Running<'a>, Error> {
        if again != Again::No {
            known.free_all(self.registry.freed().await?, again == Again::Resumed);
        }
        let announcer = Announcer { context: *self, import };
        let summary = Summary { resumed: again == Again::Resumed, ..Summary::default() };
        Ok(Running { importing, announcer, known, summary, untold: 0 })
    }
}

/// A running import.
pub(super) struct Running<'a> {
    importing: Importing<'a>,
    announcer: Announcer<'a>,
    known: Known,
    pub(super) summary: Summary,
    /// Batches written since the last append to the log.
    untold: u32,
}

impl Running<'_> {
    /// Writes a batch and returns the rejected rows.
    pub(super) async fn batch(&mut self, batch: Vec<FileRow>) -> Result<Vec<Rejected>, Error> {
        let Some(line) = batch.first().map(|row| row.line) else { return Ok(Vec::new()) };
        if self.summary.balance.read == 0
            && !self.summary.resumed
            && let Some(rows) = self.known.are_others(&batch)
        {
            return Err(Error::OtherRegistry { rows });
        }
        let held = self.held(&batch).await?;
        let decided = decide(batch, &held, &mut self.known, self.announcer.import.first_new);
        self.count(&decided)?;
        let events = self.announcer.events(line, &decided)?;
        let Decided { mut new, changed, freed, rejected, .. } = decided;
        new.extend(changed.into_values());
        if new.is_empty() {
            return Ok(rejected);
        }
        let import = self.announcer.import;
        self.importing.write(Write { import, rows: &new, freed: &freed, events: &events }).await?;
        self.untold += 1;
        let Context { store, sizes, .. } = self.announcer.context;
        if self.untold >= sizes.untold {
            self.untold = 0;
            announce::drain(store, &mut self.importing).await?;
        }
        Ok(rejected)
    }

    /// The registry's rows that the batch may concern.
    async fn held(&self, batch: &[FileRow]) -> Result<Held, Error> {
        let candidates = self.known.candidates(batch);
        if candidates.is_empty() {
            return Ok(Held::default());
        }
        let registry = self.importing.registry;
        let keys = registry.keys_of(&candidates).await?.into_iter();
        let keys: HashMap<u32, Keys> = keys.map(|keys| (keys.number, keys)).collect();
        let differs = |row: &FileRow| {
            let (registration, digest) = row.checked.as_ref().ok()?;
            let number = self.known.id(&registration.registration_id)?;
            keys.get(&number).filter(|keys| keys.digest != *digest).map(|_| number)
        };
        let differing: Vec<u32> = batch.iter().filter_map(differs).collect();
        let mut whole = HashMap::new();
        if !differing.is_empty() {
            let entries = registry.entries(&differing).await?.into_iter();
            whole.extend(entries.map(|entry| (entry.number, entry.registration)));
        }
        Ok(Held { keys, whole })
    }

    fn count(&mut self, decided: &Decided) -> Result<(), Error> {
        if decided.full {
            return Err(Error::Full);
        }
        let balance = &mut self.summary.balance;
        balance.accepted += decided.accepted;
        balance.unchanged += decided.unchanged;
        balance.changed += decided.changed_count;
        balance.rejected += u64::try_from(decided.rejected.len()).unwrap_or(u64::MAX);
        balance.read = balance.accepted + balance.unchanged + balance.changed + balance.rejected;
        Ok(())
    }

    /// Creates the indexes, publishes the rejects and records the balance, in this order; each step
    /// is idempotent. Known rejects are no news.
    pub(super) async fn finish(
        mut self,
        rejects_are_known: bool,
        put_rejects: impl FnOnce() -> Result<Option<PathBuf>, Error>,
    ) -> Result<Summary, Error> {
        self.importing.index().await?;
        self.summary.rejects = put_rejects()?;
        let RegistryImported { accepted, changed, rejected, .. } = self.summary.balance;
        let news = accepted + changed > 0 || (rejected > 0 && !rejects_are_known);
        if news {
            let event = Event::RegistryImported(self.summary.balance.clone());
            let event = self.announcer.event("imported", &event)?;
            let import = ImportState { finished: true, ..self.announcer.import.clone() };
            let write = Write { import: &import, rows: &[], freed: &[], events: &[event] };
            self.importing.write(write).await?;
        }
        announce::drain(self.announcer.context.store, &mut self.importing).await?;
        self.summary.recorded = news;
        Ok(self.summary)
    }
}
