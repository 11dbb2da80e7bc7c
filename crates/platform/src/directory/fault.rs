//! Maps database errors to errors of the platform, with the next step.

use sql::Failure;

use super::super::{Cause, Error};
use super::file::DirectoryFile;

/// Why a transaction on the directory failed; it was rolled back.
#[derive(Debug)]
pub(super) enum Problem {
    /// The database reported an error.
    Database(sqlx::Error),
    /// The file has content that this program does not write.
    Content(String),
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Problem {
    pub(super) fn at(self, place: &DirectoryFile) -> Error {
        match self {
            Self::Database(error) => of(place, error),
            Self::Content(problem) => Error::Refused {
                cause: Cause::UNUSABLE,
                problem: format!("the mail directory {} {problem}", place.path().display()),
            },
        }
    }
}

pub(super) fn of(place: &DirectoryFile, error: sqlx::Error) -> Error {
    let path = place.path().display();
    let advice = match Failure::of(&error) {
        Failure::Busy => "is locked by another program; end that program, or wait",
        Failure::ReadOnlyFile => "is read-only; make the file and its folder writable",
        Failure::DiskFull => "has no space on its disk; free some space and try again",
        // A full disk can also surface here, if the index of the write-ahead log finds no space.
        Failure::Disk => {
            "cannot be read or written, as when its disk is full or failing; free some space or \
             check the disk, and try again"
        }
        Failure::NotOpenable => "cannot be opened; check the permissions of its folder",
        Failure::Damaged | Failure::NotADatabase => return damaged(place, &error),
        Failure::Other | Failure::Duplicate => return refused(place, &error),
        Failure::ServerFull
        | Failure::Restarting
        | Failure::Standby
        | Failure::Unreachable
        | Failure::PoolBusy
        | Failure::Closed
        | Failure::Undecodable
        | Failure::Login
        | Failure::Untrusted
        | Failure::Settings
        | Failure::NoDatabase
        | Failure::NoTable
        | Failure::Permission
        | Failure::Value => "does not answer",
    };
    Error::Unavailable {
        cause: Cause::UNAVAILABLE,
        problem: format!("the mail directory {path} {advice}"),
        source: Some(Box::new(error)),
    }
}

fn damaged(place: &DirectoryFile, error: &sqlx::Error) -> Error {
    Error::Refused {
        cause: Cause::UNUSABLE,
        problem: format!(
            "the mail directory {} is damaged ({error}); put it back from its backup or run \
             `tramonto platform rebuild`",
            place.path().display()
        ),
    }
}

fn refused(place: &DirectoryFile, error: &sqlx::Error) -> Error {
    Error::Refused {
        cause: Cause::UNUSABLE,
        problem: format!("the mail directory {} refuses: {error}", place.path().display()),
    }
}
