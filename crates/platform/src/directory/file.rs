//! A directory in a file in write-ahead mode: one connection writes and one reads, each in its own
//! thread; transactions of one kind are serialized.

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sql::Writer;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::Mutex;

use super::name::{Name, Problem};
use super::tables::{Access, Tables};
use crate::{Cause, Error};

mod header;
mod inspect;
mod open;
mod schema;

#[derive(Debug)]
pub(super) struct File {
    identity: FileIdentity,
    writer: Mutex<SqliteConnection>,
    reader: Mutex<SqliteConnection>,
}

impl File {
    /// Runs an operation in one transaction. A cancelled call drops it, which rolls it back.
    pub(super) async fn transact<T>(
        &self,
        access: Access,
        work: impl AsyncFnOnce(&mut Tables<'_>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.identity.check().await.map_err(Problem::Misplaced)?;
        let (connection, begin) = match access {
            Access::Read => (&self.reader, "BEGIN"),
            Access::Write => (&self.writer, "BEGIN IMMEDIATE"),
        };
        let mut connection = connection.lock().await;
        let mut transaction = connection.begin_with(begin).await?;
        let done = work(&mut Tables(Writer::Sqlite(&mut transaction))).await?;
        transaction.commit().await?;
        self.identity.check().await.map_err(Problem::Misplaced)?;
        Ok(done)
    }

    /// Rewrites the file without the rows that were erased, and empties its write-ahead log.
    pub(super) async fn rewrite(&self, name: &Name) -> Result<(), Error> {
        let mut writer = self.writer.lock().await;
        let vacuumed = async {
            sqlx::raw_sql("VACUUM").execute(&mut *writer).await?;
            let checkpoint = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)");
            checkpoint.fetch_one(&mut *writer).await
        };
        let vacuumed = vacuumed.await.map_err(|error| name.fault(error));
        let (busy, _, _): (i64, i64, i64) = vacuumed?;
        if busy != 0 {
            let busy = "is read by another program just now; try again";
            return Err(name.unavailable(Cause::UNAVAILABLE, busy));
        }
        self.identity.check().await
    }

    /// Closes its connections.
    ///
    /// The files `-wal` and `-shm` stay, although the log is empty: without them a mail server,
    /// which may only read, cannot open the file, and Postfix exits. The last writable connection
    /// would delete them, so a read-only one is closed after it.
    pub(super) async fn close(self, name: &Name) -> Result<(), Error> {
        let (mut writer, mut reader) = (self.writer.into_inner(), self.reader.into_inner());
        let closed = async {
            // A connection that has read nothing yet does not hold them open.
            sqlx::query("SELECT one FROM directory").execute(&mut reader).await?;
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut writer).await?;
            writer.close().await?;
            reader.close().await
        };
        closed.await.map_err(|error| name.fault(error))
    }
}

/// The path and identity of a directory's file: a removed or replaced file still serves the
/// processes that have it open, but no other process sees their writes.
#[derive(Debug)]
struct FileIdentity {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl FileIdentity {
    /// The file that is there now.
    async fn of(path: &Path) -> Result<Self, Error> {
        let found = tokio::fs::metadata(path).await.map_err(|error| out_of_reach(path, error))?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    /// Is it still the same file?
    async fn check(&self) -> Result<(), Error> {
        let now = Self::of(&self.path).await?;
        if (now.device, now.inode) == (self.device, self.inode) {
            return Ok(());
        }
        Err(Name::file(&self.path).unavailable(
            Cause::GONE,
            "was replaced by another file while it was open; stop, put the right one in its place \
             and start again",
        ))
    }
}

fn out_of_reach(path: &Path, error: std::io::Error) -> Error {
    let name = Name::file(path);
    if error.kind() == ErrorKind::NotFound {
        let problem = "is gone; restore it from its backup or run `tramonto platform rebuild`";
        return name.unavailable(Cause::GONE, problem);
    }
    Error::Unavailable {
        cause: Cause::UNAVAILABLE,
        problem: format!("{name} is unreachable; check its disk and permissions"),
        source: Some(Box::new(error)),
    }
}
