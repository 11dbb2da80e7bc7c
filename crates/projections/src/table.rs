//! The table with one SQL row per mailbox, for ad-hoc queries; it lags behind.
//!
//! Invariants: a row is the state of its mailbox at the checkpoint, and `changed_at` is the event
//! that last changed it; rows and checkpoint are written in one transaction. It has its own file,
//! because `SQLite` has one writer per file: rewriting a million rows takes a second or two, and
//! the sets, a start of the engine and a history must not wait for that. No component waits for it.
//! A tick changes a bounded number of rows, so that its caller controls the load; an empty table is
//! filled in one go, since writing every row once costs a fraction of writing its whole history.

mod digest;
mod follow;
mod planes;
mod postgres;
mod schema;
mod write;

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{ProgrammeId, Tick};
use eventstore::EventStore;
use sql::{Database, Writer};
use sqlx::Connection;
use tokio::sync::Mutex;

use crate::error::Error;
use crate::status::{Status, status};
use crate::stored::Stored;
use follow::{BOUNDS, Taken};
pub use postgres::PostgresTable;

const NAME: &str = "mailbox table";

/// The table of a programme's log, in its own file.
pub struct Table {
    database: Database,
    programme: ProgrammeId,
    log: Arc<dyn EventStore>,
    /// The state as last written; `None` if the file must be read again.
    stored: Mutex<Option<Arc<Stored>>>,
}

impl Table {
    /// Opens the file at `path`, and creates a missing one.
    pub async fn open(
        path: &Path,
        programme: ProgrammeId,
        log: Arc<dyn EventStore>,
    ) -> Result<Self, Error> {
        let database = Database::open(path, &schema::format(&programme)).await?;
        Ok(Self { database, programme, log, stored: Mutex::new(None) })
    }

    /// Processes the next events of the log, until some hundred thousand rows change; all of them
    /// while the table is empty.
    pub async fn tick(&self, _now: DateTime<Utc>) -> Result<Tick, Error> {
        let mut held = self.stored.lock().await;
        let before = self.again(held.take()).await?;
        let taken = follow::take(self.log.as_ref(), &before, BOUNDS).await;
        if !matches!(taken, Ok(Taken { progress: 1.., .. })) {
            *held = Some(before);
            return taken.map(|_| Tick::default());
        }
        let taken = taken?;
        // If another process was faster, the next tick reads the file again.
        if self.write(&before, &taken).await? {
            *held = Some(Arc::new(taken.after));
        }
        Ok(Tick { progress: taken.progress, next_wake: None })
    }

    /// Its checkpoint and its lag.
    pub async fn status(&self, now: DateTime<Utc>) -> Result<Status, Error> {
        status(NAME, self.database.reader(), self.log.as_ref(), now).await
    }

    /// A digest of all rows, the same for the same log, however they were built, and in either
    /// database.
    pub async fn digest(&self) -> Result<String, Error> {
        let (reader, name) = self.database.reader();
        Ok(digest::digest(reader, name).await?)
    }

    /// Closes the file; later calls fail.
    pub async fn close(&self) -> Result<(), Error> {
        Ok(self.database.close().await?)
    }

    async fn again(&self, stored: Option<Arc<Stored>>) -> Result<Arc<Stored>, Error> {
        if let Some(stored) = stored {
            return Ok(stored);
        }
        let (readers, name) = (&self.database.readers, &self.database.name);
        let stored = Stored::load(readers, name, &self.programme).await?;
        stored.check(NAME, name, self.log.as_ref()).await?;
        Ok(Arc::new(stored))
    }

    async fn write(&self, before: &Stored, taken: &Taken) -> Result<bool, Error> {
        let fault = |error| self.database.error(error);
        let name = &self.database.name;
        let mut writer = self.database.writer.lock().await;
        let writer = writer.as_mut().ok_or_else(|| fault(sqlx::Error::PoolClosed))?;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
        if !taken.after.save(before, &self.programme, &mut transaction, name).await? {
            return Ok(false);
        }
        let mut writer = Writer::Sqlite(&mut transaction);
        write::rows(&mut writer, &self.programme, (before, taken), name).await?;
        transaction.commit().await.map_err(fault)?;
        Ok(true)
    }
}
