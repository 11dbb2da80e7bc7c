//! What a failure of the database means to whoever called, and what to do about it.

use super::super::{Cause, Error};
use super::place::Place;

/// Why a transaction on the directory came to nothing; it left no trace in the file.
#[derive(Debug)]
pub(super) enum Problem {
    /// The database said so.
    Database(sqlx::Error),
    /// The file doesn't hold what this program writes.
    Content(String),
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Problem {
    pub(super) fn at(self, place: &Place) -> Error {
        match self {
            Self::Database(error) => of(place, error),
            Self::Content(problem) => Error::Refused {
                cause: Cause::UNUSABLE,
                problem: format!("the mail directory {} {problem}", place.path().display()),
            },
        }
    }
}

/// The primary result code of `SQLite`, where the error has one.
pub(super) fn code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<u32>().ok().map(|extended| extended & 0xff)
}

pub(super) fn of(place: &Place, error: sqlx::Error) -> Error {
    let path = place.path().display();
    let advice = match code(&error) {
        Some(5 | 6) => "is locked by another program; end that one, or wait",
        Some(8) => "is read-only; make the file and its folder writable",
        Some(13) => "has no room on its disk; free some space and try again",
        // A full disk can also look like this, where the write-ahead log's index finds no room.
        Some(10) => {
            "can't be read or written, as when its disk is full or failing; free some space or look at \
             the disk, and try again"
        }
        Some(14) => "can't be opened; look at its folder and the rights of it",
        Some(11 | 26) => return damaged(place, &error),
        Some(_) => return refused(place, &error),
        None => "does not answer",
    };
    Error::Unavailable {
        cause: Cause::UNAVAILABLE,
        problem: format!("the mail directory {path} {advice}"),
        source: Some(Box::new(error)),
    }
}

fn damaged(place: &Place, error: &sqlx::Error) -> Error {
    Error::Refused {
        cause: Cause::UNUSABLE,
        problem: format!(
            "the mail directory {} is damaged ({error}); put it back from its backup or run \
             `tramonto platform rebuild`",
            place.path().display()
        ),
    }
}

fn refused(place: &Place, error: &sqlx::Error) -> Error {
    Error::Refused {
        cause: Cause::UNUSABLE,
        problem: format!("the mail directory {} refuses: {error}", place.path().display()),
    }
}
