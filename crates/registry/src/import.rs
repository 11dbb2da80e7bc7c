//! Importing a registry file: rows into the registry, and what they say into the log.
//!
//! Invariants: `read = accepted + unchanged + changed + rejected`; a bad row never stops the good ones;
//! memory does not grow with the size of a row or the number of bad ones; importing the same file again
//! writes nothing. Killed anywhere and run again with the same file, it ends as if run once: each batch
//! is one transaction of the registry that also holds, in its outbox, the events that tell of it, and
//! the log is told from there, by ids that are the same each time. Deliberately absent: undoing. What
//! was read before a file broke off stays, and the whole file goes on from there.

mod announce;
mod control;
mod decide;
mod error;
mod header;
mod known;
mod records;
mod rejects;
mod rows;
mod source;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use domain::{Event, Plan, RegistrationRules, RegistryImported};
use eventstore::EventStore;
use tokio::sync::mpsc;

use crate::store::{Brief, ImportState, Importing, Registry, Write};
use announce::Announcer;
use decide::{Decided, Held, decide};
pub use error::Error;
use known::Known;
use rejects::Rejects;
use rows::{FileRow, Reading};
use source::Opened;
pub use source::Source;

/// The encoding of a registry file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// What the format says.
    #[default]
    Utf8,
    /// What Italian exports often come in.
    Windows1252,
}

/// What to import, and on whose behalf.
pub struct Request<'a> {
    /// The file.
    pub source: Source,
    /// Where rejected rows go; `None` keeps only their number.
    pub rejects: Option<PathBuf>,
    /// Its encoding.
    pub encoding: Encoding,
    /// Are columns that a registry has not passed over, or a reason to refuse the file?
    pub ignore_extra: bool,
    /// The plan in force; its programme must be the registry's.
    pub plan: &'a Plan,
    /// The present: no date may lie beyond it.
    pub now: DateTime<Utc>,
    /// Who imports, for the events.
    pub actor: &'a str,
    /// Why, for the events.
    pub reason: Option<&'a str>,
    /// Told how far it is after each batch.
    pub progress: &'a mut (dyn FnMut(Progress) + Send),
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file read, packed as they are.
    pub bytes_read: u64,
    /// All bytes of the file, where that is known.
    pub bytes_total: Option<u64>,
    /// Rows decided on.
    pub rows: u64,
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// SHA-256 of the file as it was read, in hexadecimal.
    pub sha256: String,
    /// Rows read.
    pub read: u64,
    /// Rows that were new and good.
    pub accepted: u64,
    /// Rows already known as they are.
    pub unchanged: u64,
    /// Rows already known that told something new.
    pub changed: u64,
    /// Rows that were refused.
    pub rejected: u64,
    /// Where the refused rows are, if there are any and they were wanted.
    pub rejects: Option<PathBuf>,
    /// Did it go on where an earlier run of the same file was broken off?
    pub resumed: bool,
    /// Was the balance recorded in the log? The same file again, with nothing new in it, leaves no trace.
    pub recorded: bool,
}

/// Where the rejected rows of a file go, unless told otherwise.
pub fn rejects_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".rejects.csv");
    name.into()
}

/// Batches that may wait between the thread that reads and the task that writes.
const AHEAD: usize = 2;

/// How much is done at a time. It does not change what an import comes to, but for the number of events.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// Rows in a batch: one transaction of the registry and at most one event of registrations.
    rows: usize,
    /// Batches between two appends to the log.
    untold: u32,
}

const SIZES: Sizes = Sizes { rows: 8_192, untold: 8 };

/// Imports a registry file.
pub async fn import(
    store: &dyn EventStore,
    registry: &Registry,
    request: Request<'_>,
) -> Result<Summary, Error> {
    in_batches(store, registry, request, SIZES).await
}

async fn in_batches(
    store: &dyn EventStore,
    registry: &Registry,
    request: Request<'_>,
    sizes: Sizes,
) -> Result<Summary, Error> {
    registry.expect(&request.plan.programme)?;
    let mut importing = registry.importing().await?;
    announce::drain(store, &mut importing).await?;
    let in_log = announce::next_in_log(store, registry.programme()).await?;
    let in_registry = u64::from(registry.next_number().await?);
    if in_log != in_registry {
        return Err(Error::Apart { in_log, in_registry });
    }
    let ignore_extra = request.ignore_extra;
    let alone = matches!(request.source, Source::Registration(_));
    let looked = tokio::task::spawn_blocking(move || look(request.source, ignore_extra)).await;
    let looked = looked.map_err(|error| Error::Interrupted(error.into()))??;
    let (import, resumed, last) = state(registry, &looked.identity, request.now).await?;
    let again = last.is_some_and(|last| last.finished && last.source == looked.identity);
    let mut known = Known::load(registry).await?;
    if resumed || again {
        known.free_all(registry.freed().await?, resumed);
    }
    let announcer = Announcer {
        import: &import,
        programme: registry.programme(),
        actor: request.actor,
        reason: request.reason,
    };
    let rejects = Rejects::new(request.rejects);
    let summary = Summary { resumed, ..Summary::default() };
    let mut running =
        Running { store, importing, announcer, known, rejects, summary, untold: 0, sizes };
    let rules = RegistrationRules::new(request.plan, request.now);
    let reading = Reading { encoding: request.encoding, ignore_extra, rules, batch: sizes.rows };
    let (meter, total) = (looked.opened.meter.clone(), looked.opened.total);
    let (sender, mut batches) = mpsc::channel(AHEAD);
    thread::spawn(move || reading.run(looked.opened.text, &sender));
    loop {
        let Some(batch) = batches.recv().await else {
            let stopped = std::io::Error::other("the thread that reads it stopped");
            return Err(Error::Interrupted(stopped));
        };
        let Some(batch) = batch? else { break };
        running.batch(batch).await?;
        let rows = running.summary.read;
        (request.progress)(Progress { bytes_read: meter.bytes(), bytes_total: total, rows });
    }
    running.summary.sha256 = match looked.file {
        Some(file) => file.unchanged()?,
        None => meter.sha256(),
    };
    running.finish(again || alone).await
}

/// What is found out of a source before its rows are read.
struct Looked {
    opened: Opened,
    /// By what it is known again after a crash.
    identity: String,
    file: Option<LookedFile>,
}

struct LookedFile {
    path: PathBuf,
    sha256: String,
    length: u64,
    modified: Option<SystemTime>,
}

impl LookedFile {
    /// Its SHA-256, if it is still the file that it was taken of.
    fn unchanged(self) -> Result<String, Error> {
        let now = fs::metadata(&self.path).map_err(|error| Error::unreadable(&self.path, error))?;
        let same = now.len() == self.length && now.modified().ok() == self.modified;
        if same { Ok(self.sha256) } else { Err(Error::Changed) }
    }
}

/// Reads a file once through, for its SHA-256 and its control file; a stream is only looked at.
fn look(source: Source, ignore_extra: bool) -> Result<Looked, Error> {
    let control = source.control();
    match source {
        Source::File(path) | Source::Controlled { file: path, .. } => {
            let opened = source::open_file(&path)?;
            let failed = |error| Error::unreadable(&path, error);
            let found = fs::metadata(&path).map_err(failed)?;
            if !found.is_file() {
                let identity = opened.start.clone();
                return Ok(Looked { opened, identity, file: None });
            }
            let sha256 = source::sha256(&path)?;
            control::check(&path, control.as_deref(), &sha256, ignore_extra)?;
            let (length, modified) = (found.len(), found.modified().ok());
            let identity = sha256.clone();
            Ok(Looked {
                opened,
                identity,
                file: Some(LookedFile { path, sha256, length, modified }),
            })
        }
        Source::Stream(stream) | Source::Registration(stream) => {
            let opened = source::open_stream(stream).map_err(Error::Interrupted)?;
            let identity = opened.start.clone();
            Ok(Looked { opened, identity, file: None })
        }
    }
}

/// The import to be: the one that was broken off, if it was of the same source. And the last one.
async fn state(
    registry: &Registry,
    identity: &str,
    now: DateTime<Utc>,
) -> Result<(ImportState, bool, Option<ImportState>), Error> {
    let last = registry.last_import().await?;
    if let Some(broken) = last.as_ref().filter(|last| !last.finished && last.source == identity) {
        return Ok((broken.clone(), true, last));
    }
    let import = ImportState {
        number: last.as_ref().map_or(1, |last| last.number.saturating_add(1)),
        source: identity.to_owned(),
        started_at: now,
        first_new: registry.next_number().await?,
        finished: false,
    };
    Ok((import, false, last))
}

/// An import under way.
struct Running<'a> {
    store: &'a dyn EventStore,
    importing: Importing<'a>,
    announcer: Announcer<'a>,
    known: Known,
    rejects: Rejects,
    summary: Summary,
    /// Batches written since the log was last told.
    untold: u32,
    sizes: Sizes,
}

impl Running<'_> {
    async fn batch(&mut self, batch: Vec<FileRow>) -> Result<(), Error> {
        let Some(line) = batch.first().map(|row| row.line) else { return Ok(()) };
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
        let Decided { mut new, changed, freed, .. } = decided;
        new.extend(changed.into_values());
        if new.is_empty() {
            return Ok(());
        }
        let import = self.announcer.import;
        self.importing.write(Write { import, rows: &new, freed: &freed, events: &events }).await?;
        self.untold += 1;
        if self.untold >= self.sizes.untold {
            self.untold = 0;
            announce::drain(self.store, &mut self.importing).await?;
        }
        Ok(())
    }

    /// What the registry has of the rows that the batch may be about.
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
        for rejected in &decided.rejected {
            self.rejects.add(rejected.line, &rejected.invalid, &rejected.raw)?;
        }
        let summary = &mut self.summary;
        summary.accepted += decided.accepted;
        summary.unchanged += decided.unchanged;
        summary.changed += decided.changed_count;
        summary.rejected = self.rejects.count();
        summary.read = summary.accepted + summary.unchanged + summary.changed + summary.rejected;
        Ok(())
    }

    /// The indexes, the rejects, the balance: in this order, each of which may be done again. Rejects are no news where
    /// the same file was read before, or where who sent them is told at once.
    async fn finish(mut self, rejects_are_known: bool) -> Result<Summary, Error> {
        self.importing.index().await?;
        self.summary.rejects = self.rejects.finish()?;
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

#[cfg(test)]
mod tests;
