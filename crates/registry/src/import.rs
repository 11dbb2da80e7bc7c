//! Imports a registry file: its rows into the registry, and their events into the log.
//!
//! Invariants: `read = accepted + unchanged + changed + rejected`; an invalid row never stops valid
//! ones; memory does not grow with the size of a row or the number of invalid ones; importing the
//! same file again writes nothing. An import that is killed anywhere and run again with the same
//! file ends as if run once: each batch is one transaction of the registry that also stores its
//! events in the outbox, from which they are appended to the log under ids that are the same each
//! time. Deliberately absent: undoing. What was read before a file turned out truncated stays, and
//! importing the complete file continues from there.

mod announce;
mod control;
mod decide;
mod header;
mod known;
mod records;
mod register;
mod rejects;
mod rows;
mod running;
mod source;

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::thread;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use domain::{Plan, RegistrationRules, RegistryImported};
use eventstore::EventStore;
use tokio::sync::mpsc;

use crate::{Error, Registry};
use known::Known;
pub use register::{Registered, Row, register};
use rejects::Rejects;
use rows::Reading;
use running::{Again, By, Context};
use source::Opened;
pub use source::Source;

/// The encoding of a registry file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// UTF-8, as the format requires.
    #[default]
    Utf8,
    /// The usual encoding of Italian exports.
    Windows1252,
}

/// What to import, and for whom.
pub struct Request<'a> {
    /// The file.
    pub source: Source,
    /// The file for rejected rows; `None` only counts them.
    pub rejects: Option<PathBuf>,
    /// Its encoding.
    pub encoding: Encoding,
    /// Are unknown columns ignored, or is the file refused?
    pub ignore_extra: bool,
    /// The plan in force; its programme must be the registry's.
    pub plan: &'a Plan,
    /// The present: no date may be later.
    pub now: DateTime<Utc>,
    /// The actor of the events.
    pub actor: &'a str,
    /// The reason in the events.
    pub reason: Option<&'a str>,
    /// Called after each batch.
    pub progress: &'a mut (dyn FnMut(Progress) + Send),
}

/// The progress of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file read, compressed as they are.
    pub bytes_read: u64,
    /// All bytes of the file, if known.
    pub bytes_total: Option<u64>,
    /// Rows processed.
    pub rows: u64,
}

/// The result of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// The file, and the outcome of its rows.
    pub balance: RegistryImported,
    /// The file of rejected rows, if there are any and it was requested.
    pub rejects: Option<PathBuf>,
    /// Did it resume an interrupted import of the same file?
    pub resumed: bool,
    /// Was the balance recorded in the log? Importing the same file again without news records
    /// nothing.
    pub recorded: bool,
}

/// The default file for rejected rows of a file.
pub fn rejects_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".rejects.csv");
    name.into()
}

/// Batches that may wait between the reading thread and the writing task.
const AHEAD: usize = 2;

/// The sizes of batches. They do not change the result of an import, except for the number of
/// events.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    /// Rows in a batch: one transaction of the registry and at most one event of registrations.
    rows: usize,
    /// Batches between two appends to the log.
    untold: u32,
}

const SIZES: Sizes = Sizes { rows: 8_192, untold: 8 };

/// Imports a registry file. Compiled here, and not again in each program that imports.
pub fn import<'a>(
    store: &'a dyn EventStore,
    registry: &'a Registry,
    request: Request<'a>,
) -> Pin<Box<dyn Future<Output = Result<Summary, Error>> + Send + 'a>> {
    Box::pin(in_batches(store, registry, request, SIZES))
}

async fn in_batches(
    store: &dyn EventStore,
    registry: &Registry,
    request: Request<'_>,
    sizes: Sizes,
) -> Result<Summary, Error> {
    let ignore_extra = request.ignore_extra;
    let by = By { actor: request.actor, reason: request.reason };
    let context = Context { store, registry, plan: request.plan, now: request.now, by, sizes };
    let importing = context.importing().await?;
    let looked = tokio::task::spawn_blocking(move || look(request.source, ignore_extra)).await;
    let looked = looked.map_err(|error| Error::Interrupted(error.into()))??;
    let (import, again) = context.state(&looked.identity).await?;
    let known = Known::load(registry).await?;
    let mut running = context.begin(importing, known, &import, again).await?;
    let mut rejects = Rejects::new(request.rejects);
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
        for rejected in running.batch(batch).await? {
            rejects.add(&rejected)?;
        }
        let rows = running.summary.balance.read;
        (request.progress)(Progress { bytes_read: meter.bytes(), bytes_total: total, rows });
    }
    running.summary.balance.sha256 = match looked.file {
        Some(file) => file.unchanged()?,
        None => meter.sha256(),
    };
    // Rejects are no news if the same file was read before.
    running.finish(again == Again::Finished, || rejects.finish()).await
}

/// The properties of a source found before its rows are read.
struct Looked {
    opened: Opened,
    /// Its identity, by which an import is resumed after a crash.
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
    /// Its SHA-256, if the file has not changed since.
    fn unchanged(self) -> Result<String, Error> {
        let now = fs::metadata(&self.path).map_err(|error| Error::unreadable(&self.path, error))?;
        let same = now.len() == self.length && now.modified().ok() == self.modified;
        if same { Ok(self.sha256) } else { Err(Error::Changed) }
    }
}

/// Reads a file once, for its SHA-256 and its control file; of a stream only the start.
fn look(source: Source, ignore_extra: bool) -> Result<Looked, Error> {
    let (opened, file) = match source {
        Source::File { path, control } => (source::open_file(&path)?, Some((path, control))),
        Source::Stream(stream) => (source::open_stream(stream).map_err(Error::Interrupted)?, None),
    };
    // A pipe is a stream, although it has a path.
    let Some((path, control)) = file.filter(|_| opened.total.is_some()) else {
        let identity = opened.start.clone();
        return Ok(Looked { opened, identity, file: None });
    };
    let found = fs::metadata(&path).map_err(|error| Error::unreadable(&path, error))?;
    let sha256 = source::sha256(&path)?;
    control::check(&path, control.as_deref(), &sha256, ignore_extra)?;
    let (length, modified, identity) = (found.len(), found.modified().ok(), sha256.clone());
    Ok(Looked { opened, identity, file: Some(LookedFile { path, sha256, length, modified }) })
}

#[cfg(test)]
mod tests;
