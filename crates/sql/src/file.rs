//! What a `SQLite` file shows of itself without a connection, and how any file of ours is connected
//! to.
//!
//! Invariant: a file is identified by its header alone before anything is written to it.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use sqlx::{ConnectOptions, SqlitePool};

use crate::failure::NOT_A_DATABASE;
use crate::{Error, StoreName};

/// How long another process may hold the write lock: many times what the largest transaction takes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const MAGIC: &[u8] = b"SQLite format 3\0";
const LENGTH: u64 = 100;

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// There is no file.
    Absent,
    /// An empty file.
    Empty,
    /// A `SQLite` database.
    Database(Header),
}

/// What the header of a `SQLite` file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which kind of file it is.
    pub application_id: u32,
    /// The version of its tables.
    pub user_version: u32,
    /// How many pages it has; a write-ahead log may hold more.
    pub pages: u32,
    /// Whether it is in write-ahead mode.
    pub write_ahead: bool,
    page_size: u32,
}

impl Contents {
    /// Reads the header of the file at a path.
    pub fn of(path: &Path, store: &StoreName) -> Result<Self, Error> {
        let unreadable =
            |error| store.rejected(format!("{error}; check the path and its permissions"));
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(store.rejected("it is a directory; give the path of a file"));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::Absent),
            Err(error) => return Err(unreadable(error)),
        }
        let mut bytes = Vec::new();
        let read = fs::File::open(path).and_then(|file| file.take(LENGTH).read_to_end(&mut bytes));
        read.map_err(unreadable)?;
        if bytes.is_empty() {
            return Ok(Self::Empty);
        }
        if bytes.iter().zip(MAGIC).any(|(found, expected)| found != expected) {
            return Err(store.corrupt(NOT_A_DATABASE));
        }
        let header = Header::parse(&bytes);
        header.map(Self::Database).ok_or_else(|| store.corrupt("the file ends inside its header"))
    }
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes);
        let (pages, user_version, application_id) = (word(28)?, word(60)?, word(68)?);
        // 65,536 does not fit into its two bytes and is written as 1.
        let page_size = match word(14)? & 0xffff {
            1 => 0x1_0000,
            size => size,
        };
        // The formats to write and to read; 2 is write-ahead mode.
        let write_ahead = bytes.get(18..20)? == [2, 2];
        Some(Self { application_id, user_version, pages, write_ahead, page_size })
    }

    /// The length of the file in bytes.
    pub fn length(&self) -> u64 {
        u64::from(self.pages) * u64::from(self.page_size)
    }
}

/// How every file of ours is connected to.
pub fn options(path: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
    options.disable_statement_logging()
}

/// Connections that read a file, at most `most`.
pub async fn readers(
    options: SqliteConnectOptions,
    most: u32,
    store: &StoreName,
) -> Result<SqlitePool, Error> {
    let pool = SqlitePoolOptions::new()
        .max_connections(most)
        .acquire_timeout(BUSY_TIMEOUT * 2)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    let readers = pool.connect_with(options.read_only(true).row_buffer_size(256)).await;
    readers.map_err(|error| store.error(error))
}

/// The path of a file that belongs to this one: its whole name and a suffix.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
