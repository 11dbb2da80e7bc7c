//! What the database says, put as what the operator can do about it. The one place that reads its codes.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::Error;

/// Where the store is, as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Place(Arc<str>);

/// The primary result codes of `SQLite` that are told apart.
const PERM: u32 = 3;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const NOTADB: u32 = 26;

const RESTORE: &str = "restore it from a backup";
const BUSY_ADVICE: &str = "another process held its write lock for too long; try again, and if that \
                           does not help, find and stop the process";

impl Place {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.display().to_string().into())
    }

    /// The store can't be opened, for the reason given.
    pub(crate) fn unusable(&self, problem: impl Into<String>) -> Error {
        Error::Unusable { place: self.to_string(), problem: problem.into() }
    }

    /// What is stored is not what was written.
    pub(crate) fn corrupt(&self, problem: impl fmt::Display) -> Error {
        Error::Corrupt { place: self.to_string(), problem: format!("{problem}; {RESTORE}") }
    }

    /// Tells one of many that were refused together what [`Place::fault`] told the first.
    pub(crate) fn busy(&self) -> Error {
        let source = std::io::Error::from(std::io::ErrorKind::ResourceBusy);
        self.unavailable(BUSY_ADVICE, source.into())
    }

    /// What a failure of the database means.
    pub(crate) fn fault(&self, error: sqlx::Error) -> Error {
        match code(&error) {
            Some(BUSY | LOCKED) => return self.unavailable(BUSY_ADVICE, error),
            Some(FULL) => {
                return self.unavailable(
                    "the disk is full; free some space and try again, nothing that was taken is lost",
                    error,
                );
            }
            Some(IOERR) => {
                // A full disk can also look like this, where the write-ahead log's index finds no room.
                return self.unavailable(
                    "the disk is full or failing; free some space or look at the disk, and try again",
                    error,
                );
            }
            Some(CORRUPT) => return self.corrupt("the file is truncated or overwritten"),
            Some(NOTADB) => return self.unusable("it is no SQLite database; give another path"),
            Some(READONLY | PERM) => {
                return self.unusable(
                    "it can't be written to; make the file and its folder writable, or read only",
                );
            }
            Some(CANTOPEN) => {
                return self.unusable(
                    "the file or its folder can't be read or written; look at their rights",
                );
            }
            Some(_) | None => {}
        }
        let advice = if matches!(error, sqlx::Error::PoolTimedOut) {
            "all its connections are in use; try again"
        } else if matches!(error, sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed) {
            "it was closed; start the program again"
        } else if matches!(error, sqlx::Error::Io(_)) {
            "its file could not be reached; look at the disk and try again"
        } else {
            return self.corrupt(format_args!("the database says {error}"));
        };
        self.unavailable(advice, error)
    }

    fn unavailable(&self, advice: &'static str, source: sqlx::Error) -> Error {
        Error::Unavailable { place: self.to_string(), advice, source }
    }
}

/// Does another connection hold the write lock?
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(code(error), Some(BUSY | LOCKED))
}

/// Is something there already that must be there once?
pub(crate) fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// The primary result code: the low byte of the extended one.
fn code(error: &sqlx::Error) -> Option<u32> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
