//! Opening a file as an event store.
//!
//! A file that is not ours is never written to, not even by a change of journal mode: its header is
//! read before a connection is made. A new store is made whole beside its path and then linked to
//! it, so that a crash leaves nothing that looks like a store, and an empty file is always one that
//! was truncated.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use sql::file::{Contents, Header, beside, options};
use sql::{Failure, StoreName};
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use super::schema::{APPLICATION_ID, CREATE, OLDEST_SQLITE, SCHEMA_VERSION};
use crate::Error;
use crate::store::agreed_head;

/// How many connections read; more than there are processors have no use.
const READERS: u32 = 4;

/// Checks what lies at the path, and makes a new store there if it is free and to be written.
pub(crate) async fn prepare(path: &Path, name: &StoreName, create: bool) -> Result<(), Error> {
    match Contents::of(path, name)? {
        Contents::Database(header) => check_header(path, header, name),
        Contents::Empty => {
            Err(name.corrupt("the file is empty: it was truncated or never was a store").into())
        }
        Contents::Absent => {
            check_absent(path, name)?;
            if create {
                return make(path, name).await;
            }
            let problem =
                "there is no such file; check the path, or start the program that writes it first";
            Err(name.rejected(problem).into())
        }
    }
}

/// Checks that the path is free for a new store.
fn check_absent(path: &Path, name: &StoreName) -> Result<(), Error> {
    let folder = folder(path);
    if !folder.is_dir() {
        let folder = folder.display();
        return Err(name
            .rejected(format!("its folder {folder} does not exist; create it first"))
            .into());
    }
    if has_wal(path) {
        return Err(name
            .rejected(format!(
                "the file is gone but its write-ahead log {} is there; restore the file, or remove \
                 the write-ahead log too to start from nothing",
                beside(path, "-wal").display()
            ))
            .into());
    }
    Ok(())
}

/// Checks that the file is an event store.
fn check_header(path: &Path, header: Header, name: &StoreName) -> Result<(), Error> {
    if header.application_id != APPLICATION_ID {
        let problem = "it is another program's SQLite database; use another path";
        return Err(name.rejected(problem).into());
    }
    let length = fs::metadata(path).map_or(0, |found| found.len());
    if length < header.length() && !has_wal(path) {
        return Err(name.corrupt("the file is truncated").into());
    }
    check_version(header.user_version, name)
}

/// Whether a write-ahead log that holds anything lies beside the file.
fn has_wal(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|found| found.len() > 0)
}

fn check_version(version: u32, name: &StoreName) -> Result<(), Error> {
    if version == SCHEMA_VERSION {
        return Ok(());
    }
    Err(name
        .rejected(format!(
            "its tables have version {version} and this program knows version {SCHEMA_VERSION}; \
             use the version of the program that wrote it, or a newer one"
        ))
        .into())
}

/// Creates a missing store. If two processes do so at once, one file wins for both.
async fn make(path: &Path, name: &StoreName) -> Result<(), Error> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let draft = beside(path, &format!(".{}-{count}.new", std::process::id()));
    let drafted = write_draft(&draft).await;
    let linked = drafted.map_err(|error| Error::of(name, error)).and_then(|()| {
        let linked = match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            // Some file systems know no links.
            Err(_) if !path.exists() => fs::rename(&draft, path),
            linked => linked,
        };
        linked
            .and_then(|()| fs::File::open(folder(path))?.sync_all())
            .map_err(|error| name.rejected(format!("it could not be created: {error}")).into())
    });
    if let Err(error) = fs::remove_file(&draft)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::debug!(%error, draft = %draft.display(), "draft of the store not removed");
    }
    linked
}

async fn write_draft(draft: &Path) -> Result<(), sqlx::Error> {
    let mut connection = options(draft)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("application_id", APPLICATION_ID.to_string())
        .pragma("user_version", SCHEMA_VERSION.to_string())
        .connect()
        .await?;
    sqlx::raw_sql(CREATE).execute(&mut connection).await?;
    connection.close().await
}

/// The connection that writes. It sets the journal mode again, which a backup made by the database
/// itself does not keep. It is kept open, and asks for the write lock at once to find out
/// whether it may write at all.
pub(crate) async fn writing(path: &Path, name: &StoreName) -> Result<SqliteConnection, Error> {
    let connect = async {
        let mut connection = options(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", "-32000")
            .pragma("wal_autocheckpoint", "4000")
            .pragma("journal_size_limit", "67108864")
            .connect()
            .await?;
        match sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut connection).await {
            Err(error) if Failure::of(&error) != Failure::Busy => Err(error),
            Ok(_) | Err(_) => Ok(connection),
        }
    };
    connect.await.map_err(|error| Error::of(name, error))
}

/// The connections that read.
pub(crate) async fn readers(path: &Path, name: &StoreName) -> Result<SqlitePool, Error> {
    Ok(sql::file::readers(options(path), READERS, name).await?)
}

/// What is cheap to check of a store: the library, the journal, the version, and that the counter
/// agrees with the events. Returns the head.
pub(crate) async fn checked_head(
    readers: &SqlitePool,
    name: &StoreName,
    writing: bool,
) -> Result<u64, Error> {
    const CHECK: &str = "
        SELECT sqlite_version(),
            (SELECT journal_mode FROM pragma_journal_mode),
            (SELECT user_version FROM pragma_user_version),
            (SELECT position FROM log_head),
            (SELECT coalesce(max(position), 0) FROM event)";
    let found = sqlx::query_as::<_, (String, String, u32, i64, i64)>(CHECK).fetch_one(readers);
    let (library, journal, version, counted, last) =
        found.await.map_err(|error| Error::of(name, error))?;
    let mut parts = library.split('.').map(|part| part.parse().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    if (part(), part(), part()) < OLDEST_SQLITE {
        return Err(name
            .rejected(format!(
                "SQLite {library} can lose commits; build the program with 3.51.3 or newer"
            ))
            .into());
    }
    check_version(version, name)?;
    if writing && journal != "wal" {
        return Err(name
            .rejected(format!(
                "its journal mode is {journal} and cannot be set to wal; keep it on a local disk"
            ))
            .into());
    }
    agreed_head(counted, last, name)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
