//! A `SQLite` file of ours: one connection that writes, several that read.
//!
//! Invariant: a file that is not ours is identified by its header alone and never written to.
//! Deliberately absent: what is in the tables.

use std::fs::OpenOptions;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, MutexGuard};

use crate::file::{Contents, options, readers};
use crate::statement::Reader;
use crate::{Error, StoreName};

const READERS: u32 = 2;

/// What tells one kind of file from another, and how it is kept.
#[derive(Debug)]
pub struct Format {
    /// In the file's header, so that no other database is taken for one of ours.
    pub application_id: u32,
    /// The version of the tables, in the header too.
    pub schema_version: u32,
    /// The statements that make its tables.
    pub create: String,
    /// The statements that bring tables of each earlier version to the next one, those of version 1
    /// first. Older tables than these are refused.
    pub upgrades: &'static [&'static str],
    /// What to do about tables of another version.
    pub other_version: &'static str,
    /// How durable a commit is.
    pub durability: Durability,
}

/// How durable a commit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Derived from the log. A power cut may take back the last commits, but it takes back
    /// checkpoint and rows together, and the log, which is flushed on every commit, holds what
    /// followed.
    Derived,
    /// Kept nowhere else, and personal: flushed on every commit, readable by the file's owner
    /// alone, and overwritten when deleted.
    Original,
}

/// An open file.
#[derive(Debug)]
pub struct Database {
    /// Its name.
    pub name: StoreName,
    /// The connection that writes. `None` where the file was opened for reading, once it was
    /// closed, and after a transaction that was dropped half-way, until the next one.
    pub writer: Mutex<Option<SqliteConnection>>,
    /// Connections that read.
    pub readers: SqlitePool,
    /// How the writing connection is opened again.
    writing: Option<Box<SqliteConnectOptions>>,
}

impl Database {
    /// Opens the file, which is made if it does not exist.
    pub async fn open(path: &Path, format: &Format) -> Result<Self, Error> {
        let name = StoreName::file(path);
        let nothing = identify(path, &name, format)? == Found::Nothing;
        if nothing && format.durability == Durability::Original {
            make_private(path, &name)?;
        }
        let (synchronous, secure_delete, cache, pages) = match format.durability {
            Durability::Derived => (SqliteSynchronous::Normal, "OFF", "-32000", "4000"),
            Durability::Original => (SqliteSynchronous::Full, "ON", "-64000", "16000"),
        };
        let writing = options(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .pragma("secure_delete", secure_delete)
            .pragma("cache_size", cache)
            .pragma("wal_autocheckpoint", pages)
            .pragma("journal_size_limit", "67108864");
        let mut writer = writing.connect().await.map_err(|error| name.error(error))?;
        make_tables(&mut writer, format, &name).await?;
        let readers = readers(options(path), READERS, &name).await?;
        let writing = Some(Box::new(writing));
        Ok(Self { name, writer: Mutex::new(Some(writer)), readers, writing })
    }

    /// Opens an existing file for reading; writing to it is an error.
    pub async fn open_read_only(path: &Path, format: &Format) -> Result<Self, Error> {
        let name = StoreName::file(path);
        match identify(path, &name, format)? {
            Found::Ours => {}
            Found::Older => {
                return Err(name.rejected(
                    "its tables are older than this program; start the program that writes it \
                     first",
                ));
            }
            Found::Nothing => {
                return Err(
                    name.rejected("there is nothing yet; start the program that writes it first")
                );
            }
        }
        let readers = readers(options(path), READERS, &name).await?;
        Ok(Self { name, writer: Mutex::new(None), readers, writing: None })
    }

    /// The writing connection, for one transaction; opened again where it is gone.
    pub(crate) async fn turn(&self) -> Result<MutexGuard<'_, Option<SqliteConnection>>, Error> {
        let mut turn = self.writer.lock().await;
        if turn.is_none()
            && let Some(writing) = self.writing.as_ref().filter(|_| !self.readers.is_closed())
        {
            *turn = Some(writing.connect().await.map_err(|error| self.error(error))?);
        }
        Ok(turn)
    }

    /// Its reading side.
    pub fn reader(&self) -> (Reader<'_>, &StoreName) {
        (Reader::Sqlite(&self.readers), &self.name)
    }

    /// What an error of the database means.
    pub fn error(&self, error: sqlx::Error) -> Error {
        self.name.error(error)
    }

    /// Rewrites the file without the rows that were deleted and empties its write-ahead log: no
    /// byte of either holds a trace of them. Unavailable while others read.
    pub async fn vacuum(&self) -> Result<(), Error> {
        let mut turn = self.turn().await?;
        let writer = turn.as_mut().ok_or_else(|| self.error(sqlx::Error::PoolClosed))?;
        let vacuumed = async {
            sqlx::raw_sql("VACUUM").execute(&mut *writer).await?;
            let checkpoint = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)");
            checkpoint.fetch_one(&mut *writer).await
        };
        let (busy, _, _): (i64, i64, i64) = vacuumed.await.map_err(|error| self.error(error))?;
        if busy == 0 {
            return Ok(());
        }
        let advice = "another process reads it; stop that process or try again";
        Err(self.name.unavailable(advice, sqlx::Error::PoolTimedOut))
    }

    /// Closes all connections; later calls are errors.
    pub async fn close(&self) -> Result<(), Error> {
        self.readers.close().await;
        match self.writer.lock().await.take() {
            Some(writer) => writer.close().await.map_err(|error| self.error(error)),
            None => Ok(()),
        }
    }
}

/// In one transaction, so that a crash leaves an empty file, which is made again.
async fn make_tables(
    connection: &mut SqliteConnection,
    format: &Format,
    store: &StoreName,
) -> Result<(), Error> {
    let made = async {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        let version: u32 =
            sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
        let tables: u32 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
            .fetch_one(&mut *transaction)
            .await?;
        if version == 0 && tables > 0 {
            return Ok(false);
        }
        if version == 0 {
            let (id, version) = (format.application_id, format.schema_version);
            let header = format!("PRAGMA application_id = {id}; PRAGMA user_version = {version};");
            let create = format!("{header}{}", format.create);
            sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *transaction).await?;
        } else {
            let done = usize::try_from(version).unwrap_or(usize::MAX).saturating_sub(1);
            for upgrade in format.upgrades.iter().skip(done) {
                sqlx::raw_sql(*upgrade).execute(&mut *transaction).await?;
            }
            if version != format.schema_version {
                let header = format!("PRAGMA user_version = {}", format.schema_version);
                sqlx::raw_sql(AssertSqlSafe(header)).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await.map(|()| true)
    };
    let ours = made.await.map_err(|error| store.error(error))?;
    if ours { Ok(()) } else { Err(another_programs(store)) }
}

/// Makes an empty file for its owner alone; the files beside it take over its permissions.
fn make_private(path: &Path, store: &StoreName) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = options.open(path);
    made.map(|_| ()).map_err(|error| {
        store.rejected(format!("{error}; check its folder and the permissions of the folder"))
    })
}

/// What lies at a path.
#[derive(PartialEq, Eq)]
enum Found {
    Nothing,
    Ours,
    /// Ours, of an earlier version that can be brought up to date.
    Older,
}

/// Refuses anything at the path that is neither nothing nor ours. An empty file counts as nothing:
/// a crash while the tables were made leaves it.
fn identify(path: &Path, store: &StoreName, format: &Format) -> Result<Found, Error> {
    let Contents::Database(header) = Contents::of(path, store)? else { return Ok(Found::Nothing) };
    let (id, version) = (header.application_id, header.user_version);
    if (id, version, header.pages) == (0, 0, 1) {
        // A crash before the tables were moved from the write-ahead log into the file itself.
        return Ok(Found::Ours);
    }
    if id != format.application_id {
        return Err(another_programs(store));
    }
    let known = format.schema_version;
    let upgrades = u32::try_from(format.upgrades.len()).unwrap_or(0);
    if version == known {
        return Ok(Found::Ours);
    }
    if (known.saturating_sub(upgrades)..known).contains(&version) {
        return Ok(Found::Older);
    }
    Err(store.rejected(format!(
        "its tables have version {version} and this program knows version {known}; {}",
        format.other_version
    )))
}

fn another_programs(store: &StoreName) -> Error {
    store.rejected("it is another program's SQLite database; use another path")
}
