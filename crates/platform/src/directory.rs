//! The embedded platform: a mail directory in one `SQLite` file, which Postfix and Dovecot look up.
//!
//! It is armed: a row stores the instant at which each right ends, and the view `rights` compares
//! them with the clock, so that a phase takes effect at its midnight even if the engine is down.
//! The file is in write-ahead mode, and every change is flushed to disk before it is acknowledged.
//! Invariant: a call is one transaction; what is reported as applied is committed, and the file was
//! still in place afterwards. Deliberately absent: messages, and passwords other than as hashes.

mod clock;
mod erase;
mod fault;
mod file;
mod header;
mod inspect;
mod listing;
mod numbers;
mod open;
mod provision;
mod read;
mod say;
mod scan;
mod schema;
mod set;
mod view;

use std::path::Path;

use async_trait::async_trait;
use domain::{Capabilities, MailboxSet};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use super::{Actual, Answer, Ends, Error, Known, Mode, Platform, SetRights, columns};
use file::DirectoryFile;

/// A mail directory in its own file.
///
/// One connection writes and one reads, each in its own thread; calls of one kind are serialized.
/// Other programs may read the file at any time.
#[derive(Debug)]
pub struct Directory {
    place: DirectoryFile,
    identity: Uuid,
    mode: Mode,
    writer: Mutex<SqliteConnection>,
    reader: Mutex<SqliteConnection>,
}

impl Directory {
    /// Creates an empty directory. The file must not exist.
    pub async fn create(path: &Path, mode: Mode) -> Result<Self, Error> {
        open::create(path, mode).await?;
        Self::open(path).await
    }

    /// Opens an existing directory.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        open::open(path).await
    }

    /// Its identity, shared by copies of the file and different for every new one.
    pub fn identity(&self) -> Uuid {
        self.identity
    }

    /// The mode of its clock.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The path of its file.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Closes its connections and checkpoints the write-ahead log. Dropping it closes them too,
    /// without waiting for the checkpoint.
    ///
    /// The files `-wal` and `-shm` stay, although the log is empty: without them a mail server,
    /// which may only read, cannot open the file, and Postfix exits. The last writable connection
    /// would delete them, so a read-only one is closed after it.
    pub async fn close(self) -> Result<(), Error> {
        let Self { place, writer, reader, .. } = self;
        let (mut writer, mut reader) = (writer.into_inner(), reader.into_inner());
        let at = |error| fault::of(&place, error);
        // A connection that has read nothing yet does not hold them open.
        sqlx::query("SELECT one FROM directory").execute(&mut reader).await.map_err(at)?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut writer).await.map_err(at)?;
        writer.close().await.map_err(at)?;
        reader.close().await.map_err(at)
    }

    async fn writer(&self) -> Result<MutexGuard<'_, SqliteConnection>, Error> {
        self.place.check().await?;
        Ok(self.writer.lock().await)
    }

    async fn reader(&self) -> Result<MutexGuard<'_, SqliteConnection>, Error> {
        self.place.check().await?;
        Ok(self.reader.lock().await)
    }
}

#[async_trait]
impl Platform for Directory {
    fn controls(&self) -> Capabilities {
        Capabilities::OF_PLATFORM
    }

    fn arms(&self) -> bool {
        true
    }

    async fn set(&self, call: &SetRights) -> Result<Answer, Error> {
        columns::controlled(call.capabilities)?;
        if call.mailboxes.is_empty() {
            return Ok(Answer::default());
        }
        let mut writer = self.writer().await?;
        let answer =
            set::set(&mut writer, call).await.map_err(|problem| problem.at(&self.place))?;
        self.place.check().await?;
        Ok(answer)
    }

    async fn read(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Actual, Error> {
        columns::controlled(capabilities)?;
        let mut reader = self.reader().await?;
        let actual = read::read(&mut reader, mailboxes, capabilities)
            .await
            .map_err(|problem| problem.at(&self.place))?;
        self.place.check().await?;
        Ok(actual)
    }

    async fn known(&self, from: u32, limit: u32) -> Result<Known, Error> {
        let mut reader = self.reader().await?;
        let known = listing::known(&mut reader, from, limit)
            .await
            .map_err(|problem| problem.at(&self.place))?;
        self.place.check().await?;
        Ok(known)
    }

    async fn ends(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Ends, Error> {
        columns::controlled(capabilities)?;
        if capabilities.is_empty() {
            return Ok(Ends::new());
        }
        let mut reader = self.reader().await?;
        let ends = listing::ends(&mut reader, mailboxes, capabilities)
            .await
            .map_err(|problem| problem.at(&self.place))?;
        self.place.check().await?;
        Ok(ends)
    }
}
