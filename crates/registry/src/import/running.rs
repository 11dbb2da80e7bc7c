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
use crate::store::{Brief, ImportState, Importing, Registry, Write};

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

    /// Starts an import.
    pub(super) async fn begin(
        &self,
        importing: Importing<'a>,
        import: &'a ImportState,
        again: Again,
    ) -> Result<Running<'a>, Error> {
        let mut known = Known::load(self.registry).await?;
        if again != Again::No {
            known.free_all(self.registry.freed().await?, again == Again::Resumed);
        }
        let announcer = Announcer {
            import,
            programme: self.registry.programme(),
            actor: self.by.actor,
            reason: self.by.reason,
        };
        let summary = Summary { resumed: again == Again::Resumed, ..Summary::default() };
        let (store, sizes) = (self.store, self.sizes);
        Ok(Running { store, importing, announcer, known, summary, untold: 0, sizes })
    }
}

/// A running import.
pub(super) struct Running<'a> {
    store: &'a dyn EventStore,
    importing: Importing<'a>,
    announcer: Announcer<'a>,
    known: Known,
    pub(super) summary: Summary,
    /// Batches written since the last append to the log.
    untold: u32,
    sizes: Sizes,
}

impl Running<'_> {
    /// Writes a batch and returns the rejected rows.
    pub(super) async fn batch(&mut self, batch: Vec<FileRow>) -> Result<Vec<Rejected>, Error> {
        let Some(line) = batch.first().map(|row| row.line) else { return Ok(Vec::new()) };
        if self.summary.read == 0
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
        if self.untold >= self.sizes.untold {
            self.untold = 0;
            announce::drain(self.store, &mut self.importing).await?;
        }
        Ok(rejected)
    }

    /// The registry's rows that the batch may concern.
    async fn held(&self, batch: &[FileRow]) -> Result<Held, Error> {
        let candidates = self.known.candidates(batch);
        if candidates.is_empty() {
            return Ok(Held::default());
        }
        let briefs = self.importing.registry.briefs(&candidates).await?;
        let briefs: HashMap<u32, Brief> =
            briefs.into_iter().map(|brief| (brief.keys.number, brief)).collect();
        let differs = |row: &FileRow| {
            let (registration, digest) = row.checked.as_ref().ok()?;
            let number = self.known.id(&registration.registration_id)?;
            briefs.get(&number).filter(|brief| brief.digest != *digest).map(|_| number)
        };
        let differing: Vec<u32> = batch.iter().filter_map(differs).collect();
        let whole = if differing.is_empty() {
            Vec::new()
        } else {
            self.importing.registry.entries(&differing).await?
        };
        let whole = whole.into_iter().map(|entry| (entry.number, entry.registration)).collect();
        Ok(Held { briefs, whole })
    }

    fn count(&mut self, decided: &Decided) -> Result<(), Error> {
        if decided.full {
            return Err(Error::Full);
        }
        let summary = &mut self.summary;
        summary.accepted += decided.accepted;
        summary.unchanged += decided.unchanged;
        summary.changed += decided.changed_count;
        summary.rejected += u64::try_from(decided.rejected.len()).unwrap_or(u64::MAX);
        summary.read = summary.accepted + summary.unchanged + summary.changed + summary.rejected;
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
        let Summary { read, accepted, unchanged, changed, rejected, .. } = self.summary;
        let news = accepted + changed > 0 || (rejected > 0 && !rejects_are_known);
        if news {
            let sha256 = self.summary.sha256.clone();
            let event = Event::RegistryImported(RegistryImported {
                sha256,
                read,
                accepted,
                unchanged,
                changed,
                rejected,
            });
            let event = self.announcer.event("imported", &event)?;
            let import = ImportState { finished: true, ..self.announcer.import.clone() };
            let write = Write { import: &import, rows: &[], freed: &[], events: &[event] };
            self.importing.write(write).await?;
        }
        announce::drain(self.store, &mut self.importing).await?;
        self.summary.recorded = news;
        Ok(self.summary)
    }
}
