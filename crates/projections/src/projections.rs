//! All projections of a programme's log, opened together.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{ProgrammeId, State, Tick};
use eventstore::EventStore;
use serde::Serialize;

use crate::error::Error;
use crate::history::History;
use crate::sets::Sets;
use crate::status::Status;
use crate::table::Table;

const SETS: &str = "state.db";
const TABLE: &str = "mailboxes.db";

/// The projections of one programme, kept in one folder: the sets with the history's index in
/// `state.db`, the row-per-mailbox table in `mailboxes.db`.
pub struct Projections {
    sets: Arc<Sets>,
    table: Arc<Table>,
    history: History,
}

/// What building the projections again came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// How many events were read.
    pub events: u64,
    /// What was there before, brought up to the same event; `None` where it could not be read.
    pub before: Option<Digests>,
    /// What is there now.
    pub after: Digests,
}

/// A digest over all that each projection stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Digests {
    /// Of the sets and the history's index.
    pub sets: String,
    /// Of the row-per-mailbox table.
    pub table: String,
}

impl Projections {
    /// Opens the projections in the folder `dir`; their files are made if they do not exist. Files
    /// that were derived from another log are refused.
    pub async fn open(
        dir: &Path,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
    ) -> Result<Self, Error> {
        let sets = Sets::open(&dir.join(SETS), programme.clone(), Arc::clone(&log)).await?;
        let table = Table::open(&dir.join(TABLE), programme.clone(), Arc::clone(&log)).await?;
        let sets = Arc::new(sets);
        let history = History::new(programme, log, Arc::clone(&sets));
        sets.load().await?;
        Ok(Self { sets, table: Arc::new(table), history })
    }

    /// The state to begin from and the position it was folded up to: what a
    /// [`eventstore::Journal`] is opened with.
    pub async fn state(&self) -> Result<(State, u64), Error> {
        self.sets.load().await
    }

    /// The sets, to be ticked often: each tick saves a start some of the log.
    pub fn sets(&self) -> &Arc<Sets> {
        &self.sets
    }

    /// The row-per-mailbox table, to be ticked when there is time.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// The history of mailboxes, and the past.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// One pass of each projection.
    pub async fn tick(&self, now: DateTime<Utc>) -> Result<Tick, Error> {
        let (sets, table) = (self.sets.tick(now).await?, self.table.tick(now).await?);
        Ok(Tick { progress: sets.progress + table.progress, next_wake: None })
    }

    /// Ticks until there is nothing left to do; returns how many events that were for each
    /// projection.
    pub async fn catch_up(&self, now: DateTime<Utc>) -> Result<[u64; 2], Error> {
        let mut progress = [0, 0];
        let [sets, table] = &mut progress;
        loop {
            let (of_sets, of_table) = (self.sets.tick(now).await?, self.table.tick(now).await?);
            *sets += of_sets.progress;
            *table += of_table.progress;
            if of_sets.progress + of_table.progress == 0 {
                return Ok(progress);
            }
        }
    }

    /// How far each has come.
    pub async fn status(&self, now: DateTime<Utc>) -> Result<Vec<Status>, Error> {
        Ok(vec![self.sets.status(now).await?, self.table.status(now).await?])
    }

    /// A digest over all that is stored: equal for the same log, however it was read.
    pub async fn digests(&self) -> Result<Digests, Error> {
        Ok(Digests { sets: self.sets.digest().await?, table: self.table.digest().await? })
    }

    /// Drops what is in the folder and builds it again from the log. Nothing else may have the
    /// files open. Being killed half-way does no harm: the next start, or tick, goes on.
    pub async fn rebuild(
        dir: &Path,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
        now: DateTime<Utc>,
    ) -> Result<Rebuilt, Error> {
        let before = Self::as_it_is(dir, programme.clone(), Arc::clone(&log), now).await;
        if let Err(error) = &before {
            tracing::info!(%error, "the projections as they are can't be compared with");
        }
        for file in [SETS, TABLE] {
            remove(&dir.join(file))?;
        }
        let projections = Self::open(dir, programme, log).await?;
        let [events, _] = projections.catch_up(now).await?;
        Ok(Rebuilt { events, before: before.ok(), after: projections.digests().await? })
    }

    async fn as_it_is(
        dir: &Path,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
        now: DateTime<Utc>,
    ) -> Result<Digests, Error> {
        let projections = Self::open(dir, programme, log).await?;
        projections.catch_up(now).await?;
        let digests = projections.digests().await;
        projections.close().await?;
        digests
    }

    /// Closes the files.
    pub async fn close(self) -> Result<(), Error> {
        self.sets.close().await?;
        self.table.close().await
    }
}

/// Removes a database and what lies beside it; the database last, so that none stays without its
/// log.
fn remove(path: &Path) -> Result<(), Error> {
    for more in ["-shm", "-wal", ""] {
        let mut name = path.as_os_str().to_owned();
        name.push(more);
        let path = PathBuf::from(name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(source) => {
                return Err(Error::Remove { place: path.display().to_string(), source });
            }
        }
    }
    Ok(())
}
