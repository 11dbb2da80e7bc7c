//! Creates and opens the file, with a clear error for every file that is not a mail directory.

use std::path::Path;

use sql::file::beside;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::super::name::Name;
use super::super::{Database, Directory};
use super::{File, FileIdentity, header, schema};
use crate::{Cause, Error, Mode};

/// Pages of this size halve the cost of committing a whole batch, which writes most pages anyway.
const PAGE_SIZE: u32 = 16_384;
/// Pages of write-ahead log (64 MB) after which it is checkpointed: a page written by several
/// batches is copied once.
const CHECKPOINT_FROM: &str = "4000";
/// The page cache of the writing connection, 64 MB, allocated on demand: with less, a large
/// transaction writes the pages of the address index several times.
const WRITER_CACHE: &str = "-64000";

impl Directory {
    /// Creates an empty directory in a file, which must not exist: under a temporary name, and
    /// renamed once it is complete.
    pub async fn create(path: &Path, mode: Mode) -> Result<Self, Error> {
        // An orphaned write-ahead log would be applied to the new file and corrupt it.
        for file in ["", "-wal", "-shm"].map(|suffix| beside(path, suffix)) {
            if tokio::fs::try_exists(&file).await.unwrap_or(true) {
                let problem = "already exists; open it, or move it away";
                return Err(Name::file(&file).unusable(problem));
            }
        }
        let draft = &beside(path, &format!(".{}.new", Uuid::now_v7().simple()));
        let written = async {
            let options = options(draft).create_if_missing(true).page_size(PAGE_SIZE);
            let mut connection =
                SqliteConnection::connect_with(&options.journal_mode(SqliteJournalMode::Wal))
                    .await?;
            let statements = schema::statements(mode);
            sqlx::raw_sql(AssertSqlSafe(statements)).execute(&mut connection).await?;
            connection.close().await
        };
        if let Err(error) = written.await {
            let exists = draft.exists();
            remove(draft).await;
            if exists {
                return Err(Name::file(draft).fault(error));
            }
            let problem = "cannot be created; check that its folder exists and is writable";
            return Err(Name::file(path).unavailable(Cause::UNAVAILABLE, problem));
        }
        // Unlike a rename, a hard link never overwrites a file created in the meantime.
        let linked = tokio::fs::hard_link(draft, path).await;
        remove(draft).await;
        linked.map_err(|error| {
            Name::file(path)
                .unusable(&format!("cannot be given its name ({error}); check what is there"))
        })?;
        Self::open(path).await
    }

    /// Opens the directory in a file.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let (name, found) = (Name::file(path), FileIdentity::of(path).await?);
        header::check(path)?;
        let opened = async {
            let writing = options(path).pragma("cache_size", WRITER_CACHE);
            let mut writer = SqliteConnection::connect_with(&writing).await?;
            migrate(&mut writer).await?;
            // Is it writable? `SQLite` itself detects a truncated file.
            writer.begin_with("BEGIN IMMEDIATE").await?.rollback().await?;
            let of_directory = "SELECT identity, rehearsal FROM directory";
            let row: (String, bool) = sqlx::query_as(of_directory).fetch_one(&mut writer).await?;
            let reader = SqliteConnection::connect_with(&options(path).read_only(true)).await?;
            Ok((writer, reader, row))
        };
        let (writer, reader, (identity, rehearsal)) =
            opened.await.map_err(|error| name.fault(error))?;
        let identity = identity
            .parse()
            .map_err(|error| name.unusable(&format!("has no valid identity ({error})")))?;
        let mode = if rehearsal { Mode::Rehearsal } else { Mode::Production };
        let (writer, reader) = (Mutex::new(writer), Mutex::new(reader));
        let file = File { identity: found, writer, reader };
        Ok(Self { name, identity, mode, database: Database::File(file) })
    }
}

async fn remove(draft: &Path) {
    for name in ["", "-wal", "-shm"].map(|suffix| beside(draft, suffix)) {
        if let Err(error) = tokio::fs::remove_file(&name).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(file = ?name, %error, "could not remove an incomplete file");
        }
    }
}

/// Migrates a file of an earlier version to the newest.
async fn migrate(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let (version,): (u32,) =
        sqlx::query_as("PRAGMA user_version").fetch_one(&mut *connection).await?;
    if version < schema::VERSION {
        sqlx::raw_sql(AssertSqlSafe(schema::upgrade(version))).execute(connection).await?;
    }
    Ok(())
}

fn options(path: &Path) -> SqliteConnectOptions {
    sql::file::options(path)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", CHECKPOINT_FROM)
}
