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
use crate::sets::{self, Sets};
use crate::status::Status;
use crate::table::{self, Table};

const SETS: &str = "state.db";
const TABLE: &str = "mailboxes.db";

/// The projections of one programme, in one folder: the sets with the history's index in
/// `state.db`, the table with one row per mailbox in `mailboxes.db`.
pub struct Projections {
    /// The sets, to be ticked often: each tick shortens the next start.
    pub sets: Arc<Sets>,
    /// The table, to be ticked at low priority.
    pub table: Arc<Table>,
    /// The history of mailboxes.
    pub history: History,
}

/// The result of a rebuild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Events read.
    pub events: u64,
    /// The projections before, up to the same event; `None` if they could not be read.
    pub before: Option<Digests>,
    /// The projections after.
    pub after: Digests,
}

/// A digest of all that each projection stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Digests {
    /// Of the sets and the history's index.
    pub sets: String,
    /// Of the table.
    pub table: String,
}

impl Projections {
    /// Opens the projections in the folder `dir`, and creates missing files. Files derived from
    /// another log are refused.
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

    /// The stored state and its position: the starting point of an [`eventstore::Journal`].
    pub async fn state(&self) -> Result<(State, u64), Error> {
        self.sets.load().await
    }

    /// One pass of each projection.
    pub async fn tick(&self, now: DateTime<Utc>) -> Result<Tick, Error> {
        let (sets, table) = (self.sets.tick(now).await?, self.table.tick(now).await?);
        Ok(Tick { progress: sets.progress + table.progress, next_wake: None })
    }

    /// Ticks until nothing is left; returns the number of events for the sets.
    pub async fn catch_up(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        self.caught_up(now, &mut |_| {}).await
    }

    /// The same; `read` takes the number of events that were read.
    async fn caught_up(
        &self,
        now: DateTime<Utc>,
        read: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u64, Error> {
        let mut events = 0;
        loop {
            let (sets, table) = (self.sets.tick(now).await?, self.table.tick(now).await?);
            events += sets.progress;
            read(events);
            if sets.progress + table.progress == 0 {
                return Ok(events);
            }
        }
    }

    /// The status of each projection.
    pub async fn status(&self, now: DateTime<Utc>) -> Result<Vec<Status>, Error> {
        Ok(vec![self.sets.status(now).await?, self.table.status(now).await?])
    }

    /// The status of each projection in the folder `dir`, whose files are opened one by one: a
    /// damaged one does not hide the other.
    pub async fn status_of_each(
        dir: &Path,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Status>, Error> {
        let head = log.head().await?;
        let of_sets = async {
            let sets = Sets::open(&dir.join(SETS), programme.clone(), Arc::clone(&log)).await?;
            sets.load().await?;
            sets.status(now).await
        };
        let of_sets = Status::or_damaged(sets::NAME, of_sets.await, head)?;
        let of_table = async {
            let table = Table::open(&dir.join(TABLE), programme, log).await?;
            table.status(now).await
        };
        let of_table = Status::or_damaged(table::NAME, of_table.await, head)?;
        Ok(vec![of_sets, of_table])
    }

    /// A digest of all that is stored: equal for the same log, however it was read.
    pub async fn digests(&self) -> Result<Digests, Error> {
        Ok(Digests { sets: self.sets.digest().await?, table: self.table.digest().await? })
    }

    /// Deletes the files in the folder and rebuilds them from the log. No other process may have
    /// them open. An interrupted rebuild is harmless: the next start, or tick, resumes it.
    /// `progress` takes the number of events that were read, of how many.
    pub async fn rebuild(
        dir: &Path,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
        now: DateTime<Utc>,
        progress: &mut (dyn FnMut(u64, u64) + Send),
    ) -> Result<Rebuilt, Error> {
        let before = Self::as_it_is(dir, programme.clone(), Arc::clone(&log), now).await;
        if let Err(error) = &before {
            tracing::info!(%error, "current projections unreadable; rebuild not compared");
        }
        for file in [SETS, TABLE] {
            remove(&dir.join(file))?;
        }
        let head = log.head().await?;
        let projections = Self::open(dir, programme, log).await?;
        let events = projections.caught_up(now, &mut |read| progress(read, head)).await?;
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

/// Removes a database and its companion files; the database last, so that it never exists without
/// its log.
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
