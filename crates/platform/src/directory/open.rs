//! Creates and opens the file, with a clear error for every file that is not a mail directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::super::Error;
use super::file::{DirectoryFile, unavailable, unusable};
use super::{Directory, Mode, fault, header, schema};

/// How long to wait for another program's lock.
const BUSY: Duration = Duration::from_secs(5);
/// Pages of this size halve the cost of committing a whole batch, which writes most pages anyway.
const PAGE_SIZE: u32 = 16_384;
/// Pages of write-ahead log (64 MB) after which it is checkpointed: a page written by several
/// batches is copied once.
const CHECKPOINT_FROM: &str = "4000";
/// The page cache of the writing connection, 64 MB, allocated on demand: with less, a large
/// transaction writes the pages of the address index several times.
const WRITER_CACHE: &str = "-64000";

/// Creates a directory under a temporary name and renames it once it is complete.
pub(super) async fn create(path: &Path, mode: Mode) -> Result<(), Error> {
    // An orphaned write-ahead log would be applied to the new file and corrupt it.
    for name in ["", "-wal", "-shm"].map(|suffix| beside(path, suffix)) {
        if tokio::fs::try_exists(&name).await.unwrap_or(true) {
            return Err(unusable(&name, "is in the way of a new one; open it, or move it away"));
        }
    }
    let draft = &beside(path, &format!(".{}.new", Uuid::now_v7().simple()));
    let written = async {
        let options = options(draft).create_if_missing(true).page_size(PAGE_SIZE);
        let mut connection =
            SqliteConnection::connect_with(&options.journal_mode(SqliteJournalMode::Wal)).await?;
        let statements = schema::statements(mode);
        sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await?;
        connection.close().await
    };
    if let Err(error) = written.await {
        let place = DirectoryFile::of(draft).await;
        remove(draft).await;
        return Err(place.map_or_else(
            |_| unavailable(path, "can't be made; check that its folder exists and is writable"),
            |place| fault::of(&place, error),
        ));
    }
    // Unlike a rename, a hard link never overwrites a file created in the meantime.
    let linked = tokio::fs::hard_link(draft, path).await;
    remove(draft).await;
    linked.map_err(|error| {
        unusable(path, &format!("can't be given its name ({error}); look at what is there"))
    })
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

async fn remove(draft: &Path) {
    for name in ["", "-wal", "-shm"].map(|suffix| beside(draft, suffix)) {
        if let Err(error) = tokio::fs::remove_file(&name).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(file = ?name, %error, "a half-made file could not be removed");
        }
    }
}

pub(super) async fn open(path: &Path) -> Result<Directory, Error> {
    let place = DirectoryFile::of(path).await?;
    header::check(path).await?;
    let at = |error| fault::of(&place, error);
    let writing = options(path).pragma("cache_size", WRITER_CACHE);
    let mut writer = SqliteConnection::connect_with(&writing).await.map_err(at)?;
    upgrade(&mut writer).await.map_err(at)?;
    let (identity, mode) = check_content(&mut writer, &place).await?;
    let reader = options(path).read_only(true);
    let reader = SqliteConnection::connect_with(&reader).await.map_err(at)?;
    Ok(Directory { identity, mode, writer: Mutex::new(writer), reader: Mutex::new(reader), place })
}

/// Migrates a file of an earlier version to the newest.
async fn upgrade(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let (version,): (i32,) =
        sqlx::query_as("PRAGMA user_version").fetch_one(&mut *connection).await?;
    if version < schema::VERSION {
        sqlx::raw_sql(AssertSqlSafe(schema::upgrade(version))).execute(connection).await?;
    }
    Ok(())
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .pragma("wal_autocheckpoint", CHECKPOINT_FROM)
}

/// Is it writable, and what is it? `SQLite` itself detects a truncated file.
async fn check_content(
    connection: &mut SqliteConnection,
    place: &DirectoryFile,
) -> Result<(Uuid, Mode), Error> {
    let path = place.path();
    let at = |error| fault::of(place, error);
    let transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(at)?;
    transaction.rollback().await.map_err(at)?;
    let (identity, rehearsal): (String, bool) =
        sqlx::query_as("SELECT identity, rehearsal FROM directory")
            .fetch_one(&mut *connection)
            .await
            .map_err(at)?;
    let identity = identity
        .parse()
        .map_err(|error| unusable(path, &format!("has no valid identity ({error})")))?;
    Ok((identity, if rehearsal { Mode::Rehearsal } else { Mode::Production }))
}
