//! One file of derived data: how it is opened, or why it can't be, in one sentence.
//!
//! Invariant: a checkpoint and the rows it speaks for are written in one transaction. That is why
//! `synchronous = NORMAL` is enough here: a power cut may take back the last commits, but it takes back
//! checkpoint and rows together, and the log, which is flushed on every commit, holds what followed.
//! A file that is not ours is looked at through its header alone and never written to.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use crate::error::{Error, Place};

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 2;

/// What tells one kind of file from another.
#[derive(Debug)]
pub(crate) struct Format {
    pub(crate) application_id: u32,
    pub(crate) schema_version: u32,
    /// The statements that make its tables.
    pub(crate) create: String,
}

/// An open file: one connection that writes, several that read.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) place: Place,
    /// `None` once it was closed.
    pub(crate) writer: Mutex<Option<SqliteConnection>>,
    pub(crate) readers: SqlitePool,
}

impl Database {
    /// Opens the file, which is made if it does not exist.
    pub(crate) async fn open(path: &Path, format: &Format) -> Result<Self, Error> {
        let place = Place::new(path);
        look(path, &place, format)?;
        let writing = options(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("cache_size", "-32000")
            .pragma("wal_autocheckpoint", "4000")
            .pragma("journal_size_limit", "67108864");
        let mut writer = writing.connect().await.map_err(|error| place.fault(error))?;
        make_tables(&mut writer, format).await.map_err(|error| place.fault(error))?;
        let pool = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false);
        let readers = pool.connect_with(options(path).read_only(true).row_buffer_size(256)).await;
        let readers = readers.map_err(|error| place.fault(error))?;
        Ok(Self { place, writer: Mutex::new(Some(writer)), readers })
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) -> Result<(), Error> {
        self.readers.close().await;
        match self.writer.lock().await.take() {
            Some(writer) => writer.close().await.map_err(|error| self.fault(error)),
            None => Ok(()),
        }
    }

    /// Says what a failure means.
    pub(crate) fn fault(&self, error: sqlx::Error) -> Error {
        self.place.fault(error)
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
    options.disable_statement_logging()
}

/// In one transaction, so that being killed half-way leaves an empty file, which is made again.
async fn make_tables(
    connection: &mut SqliteConnection,
    format: &Format,
) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let version: u32 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    if version == 0 {
        let (id, version) = (format.application_id, format.schema_version);
        let header = format!("PRAGMA application_id = {id}; PRAGMA user_version = {version};");
        let create = format!("{header}{}", format.create);
        sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// What lies at the path must be nothing, or ours. An empty file counts as nothing: it is what being
/// killed while making it leaves.
fn look(path: &Path, place: &Place, format: &Format) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(place.unusable("it is a directory; give the path of a file"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(place.unusable(format!("{error}; look at its rights"))),
    }
    let mut header = Vec::with_capacity(100);
    let read = fs::File::open(path).and_then(|file| file.take(100).read_to_end(&mut header));
    if let Err(error) = read {
        return Err(place.unusable(format!("{error}; look at its rights")));
    }
    if header.is_empty() {
        return Ok(());
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(place.corrupt("it is no SQLite database"));
    }
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes)
    };
    match (number(68), number(60)) {
        // Killed after the first write to the file and before the tables were committed.
        (Some(0), Some(0)) => Ok(()),
        (Some(id), Some(version)) if id == format.application_id => {
            if version == format.schema_version {
                return Ok(());
            }
            let known = format.schema_version;
            Err(place.unusable(format!(
                "its tables have version {version} and this program knows version {known}; run \
                 `tramonto projections rebuild` with the version of the program you want to use"
            )))
        }
        (Some(_), Some(_)) => {
            Err(place.unusable("it is another program's SQLite database; give another path"))
        }
        _ => Err(place.corrupt("the file ends inside its header")),
    }
}
