//! A `SQLite` file of ours: how it is opened, or why it can't be, in one sentence.
//!
//! Invariant: a file that is not ours is looked at through its header alone and never written to.
//! Deliberately absent: what is in the tables.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, MutexGuard};

use crate::place::{Fault, Place};
use crate::statement::Reader;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
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
    /// The statements that bring tables of each earlier version to the next one, the first of them those of
    /// version 1. Tables older than these are of another version.
    pub upgrades: &'static [&'static str],
    /// What to do about tables of another version.
    pub other_version: &'static str,
    /// How much is at stake.
    pub keeping: Keeping,
}

/// How much is at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// Derived from the log. A power cut may take back the last commits, but it takes back checkpoint
    /// and rows together, and the log, which is flushed on every commit, holds what followed.
    Derived,
    /// Held by nothing else, and personal: flushed on every commit, for the file's owner alone, and what is
    /// deleted is written over.
    Original,
}

/// An open file: one connection that writes, several that read.
#[derive(Debug)]
pub struct Database {
    /// Where it is.
    pub place: Place,
    /// The connection that writes. `None` where it was opened for reading only, once it was closed, and after a
    /// transaction that was dropped half-way, until the next one.
    pub writer: Mutex<Option<SqliteConnection>>,
    /// Connections that read.
    pub readers: SqlitePool,
    /// How the one that writes is made again.
    writing: Option<Box<SqliteConnectOptions>>,
}

impl Database {
    /// Opens the file, which is made if it does not exist.
    pub async fn open(path: &Path, format: &Format) -> Result<Self, Fault> {
        let place = Place::file(path);
        if look(path, &place, format)? == Found::Nothing && format.keeping == Keeping::Original {
            make_private(path, &place)?;
        }
        let (synchronous, erase, cache, pages) = match format.keeping {
            Keeping::Derived => (SqliteSynchronous::Normal, "OFF", "-32000", "4000"),
            Keeping::Original => (SqliteSynchronous::Full, "ON", "-64000", "16000"),
        };
        let writing = options(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .pragma("secure_delete", erase)
            .pragma("cache_size", cache)
            .pragma("wal_autocheckpoint", pages)
            .pragma("journal_size_limit", "67108864");
        let mut writer = writing.connect().await.map_err(|error| place.fault(error))?;
        make_tables(&mut writer, format, &place).await?;
        let readers = readers(path, &place).await?;
        let writing = Some(Box::new(writing));
        Ok(Self { place, writer: Mutex::new(Some(writer)), readers, writing })
    }

    /// Opens an existing file for reading; what would write to it is an error.
    pub async fn open_read_only(path: &Path, format: &Format) -> Result<Self, Fault> {
        let place = Place::file(path);
        match look(path, &place, format)? {
            Found::Ours => {}
            Found::Older => {
                let problem = "its tables are older than this program; let the one that writes it start first";
                return Err(place.unusable(problem));
            }
            Found::Nothing => {
                let problem = "there is nothing yet; let the program that writes it start first";
                return Err(place.unusable(problem));
            }
        }
        let readers = readers(path, &place).await?;
        Ok(Self { place, writer: Mutex::new(None), readers, writing: None })
    }

    /// The connection that writes, for one transaction, made again where it is gone.
    pub(crate) async fn turn(&self) -> Result<MutexGuard<'_, Option<SqliteConnection>>, Fault> {
        let mut turn = self.writer.lock().await;
        if turn.is_none()
            && let Some(writing) = self.writing.as_ref().filter(|_| !self.readers.is_closed())
        {
            *turn = Some(writing.connect().await.map_err(|error| self.fault(error))?);
        }
        Ok(turn)
    }

    /// Its reading side.
    pub fn reader(&self) -> (Reader<'_>, &Place) {
        (Reader::Sqlite(&self.readers), &self.place)
    }

    /// Says what a failure means.
    pub fn fault(&self, error: sqlx::Error) -> Fault {
        self.place.fault(error)
    }

    /// Writes the file anew without what was deleted, and empties what had not reached it yet: no byte of either
    /// holds a trace of it. While others read, it can't be done, and may be tried again.
    pub async fn scour(&self) -> Result<(), Fault> {
        let mut turn = self.turn().await?;
        let writer = turn.as_mut().ok_or_else(|| self.fault(sqlx::Error::PoolClosed))?;
        let scoured = async {
            sqlx::raw_sql("VACUUM").execute(&mut *writer).await?;
            let checkpoint = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)");
            checkpoint.fetch_one(&mut *writer).await
        };
        let (busy, _, _): (i64, i64, i64) = scoured.await.map_err(|error| self.fault(error))?;
        if busy == 0 { Ok(()) } else { Err(self.place.busy()) }
    }

    /// Closes all connections; what is asked later is an error.
    pub async fn close(&self) -> Result<(), Fault> {
        self.readers.close().await;
        match self.writer.lock().await.take() {
            Some(writer) => writer.close().await.map_err(|error| self.place.fault(error)),
            None => Ok(()),
        }
    }
}

async fn readers(path: &Path, place: &Place) -> Result<SqlitePool, Fault> {
    pool(options(path), place).await
}

/// Connections that read another program's file, whose views may call nothing with effects.
pub(crate) async fn foreign_readers(path: &Path, place: &Place) -> Result<SqlitePool, Fault> {
    if header(path, place)?.is_none() {
        return Err(place.unusable("there is no such file, or nothing in it; look at the path"));
    }
    pool(options(path).pragma("trusted_schema", "OFF"), place).await
}

async fn pool(options: SqliteConnectOptions, place: &Place) -> Result<SqlitePool, Fault> {
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(BUSY_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    let readers = pool.connect_with(options.read_only(true).row_buffer_size(256)).await;
    readers.map_err(|error| place.fault(error))
}

fn options(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
    options.disable_statement_logging()
}

/// In one transaction, so that being killed half-way leaves an empty file, which is made again.
async fn make_tables(
    connection: &mut SqliteConnection,
    format: &Format,
    place: &Place,
) -> Result<(), Fault> {
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
    let ours = made.await.map_err(|error| place.fault(error))?;
    if ours { Ok(()) } else { Err(another_programs(place)) }
}

/// Personal data is for the owner of the file alone; its companions take over its rights.
fn make_private(path: &Path, place: &Place) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(place.unusable(format!("{error}; look at its folder and the rights of it")))
        }
    }
}

/// What lies at a path.
#[derive(PartialEq, Eq)]
enum Found {
    Nothing,
    Ours,
    /// Ours, of an earlier version that can be brought up to date.
    Older,
}

/// The header of the `SQLite` file at a path; `None` where there is no file, or an empty one.
fn header(path: &Path, place: &Place) -> Result<Option<Vec<u8>>, Fault> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(place.unusable("it is a directory; give the path of a file"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(place.unusable(format!("{error}; look at its rights"))),
    }
    let mut header = Vec::with_capacity(100);
    let read = fs::File::open(path).and_then(|file| file.take(100).read_to_end(&mut header));
    if let Err(error) = read {
        return Err(place.unusable(format!("{error}; look at its rights")));
    }
    if header.is_empty() {
        return Ok(None);
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(place.corrupt("it is no SQLite database"));
    }
    Ok(Some(header))
}

/// What lies at the path must be nothing, or ours. An empty file counts as nothing: it is what being
/// killed while making it leaves.
fn look(path: &Path, place: &Place, format: &Format) -> Result<Found, Fault> {
    let Some(header) = header(path, place)? else { return Ok(Found::Nothing) };
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes)
    };
    let known = format.schema_version;
    let upgrades = u32::try_from(format.upgrades.len()).unwrap_or(0);
    let older = known.saturating_sub(upgrades)..known;
    match (number(68), number(60)) {
        (Some(id), Some(version)) if id == format.application_id && version == known => {
            Ok(Found::Ours)
        }
        (Some(id), Some(version)) if id == format.application_id && older.contains(&version) => {
            Ok(Found::Older)
        }
        (Some(id), Some(version)) if id == format.application_id => Err(place.unusable(format!(
            "its tables have version {version} and this program knows version {known}; {}",
            format.other_version
        ))),
        // Killed before the tables were written from the write-ahead log into the file itself.
        (Some(0), Some(0)) if number(28) == Some(1) => Ok(Found::Ours),
        (Some(_), Some(_)) => Err(another_programs(place)),
        _ => Err(place.corrupt("the file ends inside its header")),
    }
}

fn another_programs(place: &Place) -> Fault {
    place.unusable("it is another program's SQLite database; give another path")
}
