//! Opening a file as a registry, or telling in one sentence why not. A file that is not ours is looked
//! at through its header alone and never written to.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use domain::ProgrammeId;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use super::error::{Error, Place};
use super::schema::{APPLICATION_ID, CREATE, SCHEMA_VERSION};

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 2;

/// What lies at the path.
enum Found {
    Nothing,
    Ours,
}

/// The connection that writes; it makes the registry where there is none.
pub(super) async fn writer(
    path: &Path,
    place: &Place,
    programme: &ProgrammeId,
) -> Result<SqliteConnection, Error> {
    if matches!(look(path, place)?, Found::Nothing) {
        make_private(path, place)?;
    }
    let options = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-64000")
        .pragma("wal_autocheckpoint", "16000")
        .pragma("journal_size_limit", "67108864");
    let mut connection = options.connect().await.map_err(|error| place.fault(error))?;
    let made = make_tables(&mut connection, programme).await;
    let found = made.map_err(|error| place.fault(error))?;
    match found {
        Some(found) if found == programme.as_str() => Ok(connection),
        Some(found) => {
            let (place, expected) = (place.to_string(), programme.clone());
            Err(Error::OtherProgramme { place, found, expected })
        }
        None => Err(place.corrupt("it does not say which programme it belongs to")),
    }
}

/// The connections that read.
pub(super) async fn readers(path: &Path, place: &Place) -> Result<SqlitePool, Error> {
    let pool = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(BUSY_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    let options = options(path).read_only(true).row_buffer_size(256);
    pool.connect_with(options).await.map_err(|error| place.fault(error))
}

fn options(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
    options.disable_statement_logging()
}

/// In one transaction, so that being killed half-way leaves an empty file, which is made again.
async fn make_tables(
    connection: &mut SqliteConnection,
    programme: &ProgrammeId,
) -> Result<Option<String>, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let version: u32 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *transaction).await?;
    let tables: u32 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut *transaction)
        .await?;
    if version == 0 && tables > 0 {
        return Ok(None);
    }
    if version == 0 {
        let header = format!(
            "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
        );
        sqlx::raw_sql(CREATE).execute(&mut *transaction).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(header)).execute(&mut *transaction).await?;
        let name = sqlx::query("INSERT INTO programme VALUES (1, ?)").bind(programme.as_str());
        name.execute(&mut *transaction).await?;
    }
    let name = sqlx::query_scalar("SELECT name FROM programme");
    let name = name.fetch_optional(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(name)
}

/// Personal data is for the owner of the file alone; its companions take over its rights.
fn make_private(path: &Path, place: &Place) -> Result<(), Error> {
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

/// An empty file counts as none: it is what being killed while making it leaves.
fn look(path: &Path, place: &Place) -> Result<Found, Error> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            return Err(place.unusable("it is a directory; give the path of a file"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(place.unusable(format!("{error}; look at its rights"))),
    }
    let mut header = Vec::with_capacity(100);
    let read = fs::File::open(path).and_then(|file| file.take(100).read_to_end(&mut header));
    if let Err(error) = read {
        return Err(place.unusable(format!("{error}; look at its rights")));
    }
    if header.is_empty() {
        return Ok(Found::Nothing);
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(place.unusable("it is no SQLite database; give another path"));
    }
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes)
    };
    match (number(68), number(60)) {
        (Some(APPLICATION_ID), Some(SCHEMA_VERSION)) => Ok(Found::Ours),
        (Some(APPLICATION_ID), Some(version)) => Err(place.unusable(format!(
            "its tables have version {version} and this program knows version {SCHEMA_VERSION}; \
             use a newer version of the program"
        ))),
        // Killed before the tables were written from the write-ahead log into the file itself.
        (Some(0), Some(0)) if number(28) == Some(1) => Ok(Found::Ours),
        (Some(_), Some(_)) => {
            Err(place.unusable("it is another program's SQLite database; give another path"))
        }
        _ => Err(place.corrupt("the file ends inside its header")),
    }
}
