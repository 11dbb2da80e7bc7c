//! A log in one `SQLite` file, in write-ahead mode, flushed to the disk on every commit.
//!
//! One connection writes; several read-only ones read. Other processes may write to the same file.
//! Deliberately absent: changing or deleting an event, which triggers reject.

#[cfg(test)]
mod full_disk;
mod open;
mod schema;
mod session;
mod statements;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sql::{Reader, StoreName};
use sqlx::SqlitePool;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::store::{Readers, Tasks, Writers};
use crate::writer::advance;
use crate::{Clock, DatabaseStore, Error, read};
use session::FileSession;

/// How often the log is polled for appends of other processes.
const POLL_EVERY: Duration = Duration::from_millis(100);

impl DatabaseStore {
    /// Opens the store in the file at `path`, which is made if it does not exist. Times of
    /// recording come from `clock` but never go back: an append is recorded no earlier than the one
    /// before it. Must be called inside a tokio runtime.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let name = StoreName::file(path);
        open::prepare(path, &name, true).await?;
        let connection = open::writing(path, &name).await?;
        let (readers, tasks) = start(path, &name, true).await?;
        let session = FileSession::new(connection, Some(readers.clone()));
        let appends = tasks.write(session, &name, &clock);
        let writers = Writers { leases: appends.clone(), appends };
        Ok(Self::new(name, Readers::File(readers), Some(writers), tasks))
    }

    /// Opens an existing store for reading while another process may write to it. It takes no lock
    /// that a writer waits for. Writing is [`Error::ReadOnly`].
    pub async fn open_read_only(path: &Path) -> Result<Self, Error> {
        let name = StoreName::file(path);
        open::prepare(path, &name, false).await?;
        let (readers, tasks) = start(path, &name, false).await?;
        Ok(Self::new(name, Readers::File(readers), None, tasks))
    }
}

async fn start(path: &Path, name: &StoreName, writing: bool) -> Result<(SqlitePool, Tasks), Error> {
    let readers = open::readers(path, name).await?;
    let tasks = Tasks::new(open::checked_head(&readers, name, writing).await?);
    tasks.watch(poll(readers.clone(), tasks.head.clone()));
    Ok((readers, tasks))
}

/// Notices appends of other processes. A failure here fails for the reader too, which reports it.
async fn poll(readers: SqlitePool, head: watch::Sender<u64>) {
    let mut ticks = tokio::time::interval(POLL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if head.receiver_count() == 0 {
            continue;
        }
        match read::head(Reader::Sqlite(&readers)).await {
            Ok(found) => advance(&head, found),
            Err(error) => tracing::debug!(%error, "could not poll for appends of other processes"),
        }
    }
}
