//! Opening a file as a store, or telling in one sentence why not.
//!
//! A file that is not ours is never written to, not even by a change of journal mode: its header is
//! looked at before a connection is made. A new store is made whole beside its place and then linked to
//! it, so that being killed half-way leaves nothing that looks like a store, and an empty file is
//! always one that was cut off.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use super::fault::{self, Place};
use super::schema::{APPLICATION_ID, CREATE, OLDEST_SQLITE, SCHEMA_VERSION};
use crate::Error;

/// How long another process may hold the write lock: many times what the largest append takes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How many may read at once; more than the processors have no use.
const READERS: u32 = 4;

/// Looks at what lies at the path, and makes a new store there if it is free and to be written.
pub(crate) async fn prepare(path: &Path, place: &Place, create: bool) -> Result<(), Error> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            Err(place.unusable("it is a directory; give the path of a file"))
        }
        Ok(found) => check_header(path, found.len(), place),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            check_absent(path, place)?;
            if create { make(path, place).await } else { Err(place.unusable(ABSENT)) }
        }
        Err(error) => Err(place.unusable(format!("{error}; look at the path and its rights"))),
    }
}

const ABSENT: &str = "there is no such file; look at the path, or let the program that writes it \
                      start first";

/// Is the path free for a new store?
fn check_absent(path: &Path, place: &Place) -> Result<(), Error> {
    let folder = folder(path);
    if !folder.is_dir() {
        return Err(place
            .unusable(format!("its folder {} does not exist; make it first", folder.display())));
    }
    if has_wal(path) {
        return Err(place.unusable(format!(
            "the file is gone but its write-ahead log {} is there; restore the file, or remove the \
             log as well to begin anew",
            beside(path, "-wal").display()
        )));
    }
    Ok(())
}

/// Is the file a store of ours, by its first hundred bytes?
fn check_header(path: &Path, length: u64, place: &Place) -> Result<(), Error> {
    let mut header = Vec::with_capacity(100);
    let read = fs::File::open(path).and_then(|file| file.take(100).read_to_end(&mut header));
    if let Err(error) = read {
        return Err(place.unusable(format!("{error}; look at the rights of the file")));
    }
    if header.is_empty() {
        return Err(place.corrupt("the file is empty, so it was cut off or never was a store"));
    }
    let magic = b"SQLite format 3\0";
    if header.iter().zip(magic).any(|(found, expected)| found != expected) {
        return Err(place.unusable("it is no SQLite database; give another path"));
    }
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes)
    };
    let (Some(pages), Some(version), Some(application)) = (number(28), number(60), number(68))
    else {
        return Err(place.corrupt("the file ends inside its header"));
    };
    if application != APPLICATION_ID {
        return Err(place.unusable("it is another program's SQLite database; give another path"));
    }
    let page_size = number(14).map_or(0, |word| word & 0xffff);
    // 65,536 does not fit and is written as 1. A write-ahead log may hold what the file lacks.
    let page_size = if page_size == 1 { 0x1_0000 } else { page_size };
    if length < u64::from(pages) * u64::from(page_size) && !has_wal(path) {
        return Err(place.corrupt("the file is cut off"));
    }
    check_version(version, place)
}

/// Does a write-ahead log that holds anything lie beside the file?
fn has_wal(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).is_ok_and(|found| found.len() > 0)
}

fn check_version(version: u32, place: &Place) -> Result<(), Error> {
    if version == SCHEMA_VERSION {
        return Ok(());
    }
    Err(place.unusable(format!(
        "its tables have version {version} and this program knows version {SCHEMA_VERSION}; use the \
         version of the program that wrote it, or a newer one"
    )))
}

/// Makes a store where there is none. Where two processes do so at once, one file wins for both.
async fn make(path: &Path, place: &Place) -> Result<(), Error> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let draft = beside(path, &format!(".{}-{count}.new", std::process::id()));
    let drafted = write_draft(&draft).await;
    let linked = drafted.map_err(|error| place.fault(error)).and_then(|()| {
        let linked = match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            // Some file systems know no links.
            Err(_) if !path.exists() => fs::rename(&draft, path),
            linked => linked,
        };
        linked
            .and_then(|()| fs::File::open(folder(path))?.sync_all())
            .map_err(|error| place.unusable(format!("it could not be made: {error}")))
    });
    if let Err(error) = fs::remove_file(&draft)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::debug!(%error, draft = %draft.display(), "a draft of the store stays behind");
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
/// itself does not keep. It is never given up, and asks for the write lock at once to find out
/// whether it may write at all.
pub(crate) async fn writing(path: &Path, place: &Place) -> Result<SqliteConnection, Error> {
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
            Err(error) if !fault::is_busy(&error) => Err(error),
            Ok(_) | Err(_) => Ok(connection),
        }
    };
    connect.await.map_err(|error| place.fault(error))
}

/// The connections that read.
pub(crate) async fn readers(path: &Path, place: &Place) -> Result<SqlitePool, Error> {
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(BUSY_TIMEOUT * 2)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    let options = options(path).read_only(true).row_buffer_size(256);
    pool.connect_with(options).await.map_err(|error| place.fault(error))
}

/// What is cheap to check of a store: the library, the journal, the version, and that the counter
/// agrees with the events. Returns the head.
pub(crate) async fn checked_head(
    readers: &SqlitePool,
    place: &Place,
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
        found.await.map_err(|error| place.fault(error))?;
    let mut parts = library.split('.').map(|part| part.parse().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    if (part(), part(), part()) < OLDEST_SQLITE {
        return Err(place.unusable(format!(
            "SQLite {library} can lose commits; build the program with 3.51.3 or newer"
        )));
    }
    check_version(version, place)?;
    if writing && journal != "wal" {
        return Err(place.unusable(format!(
            "its journal mode is {journal} and can't be set to wal; keep it on a local disk"
        )));
    }
    if counted != last {
        return Err(place.corrupt(format_args!(
            "its counter says that the log ends at {counted}, but the last event is {last}"
        )));
    }
    u64::try_from(last).map_err(|error| place.corrupt(error))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// The path of a file that belongs to this one: its whole name, and more.
fn beside(path: &Path, more: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(more);
    name.into()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
