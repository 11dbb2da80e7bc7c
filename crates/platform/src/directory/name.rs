//! The name of a directory in errors, and what an error of its database means, with the next step.
//!
//! Invariant: no message and no source contains a row. The details of a `PostgreSQL` error (the key
//! that exists already, the row that fails a check) contain addresses, so only its message is
//! passed on.

use std::fmt;
use std::path::Path;

use sql::{Failure, StoreName};
use sqlx::postgres::PgConnectOptions;

use crate::{Cause, Error};

/// The name of a directory: its path, or its URL without user and password.
#[derive(Debug, Clone)]
pub(super) struct Name(pub(super) StoreName);

/// Why a transaction on the directory failed; it was rolled back.
#[derive(Debug)]
pub(super) enum Problem {
    /// The database reported an error.
    Database(sqlx::Error),
    /// A statement changed other rows than those scanned before.
    Moved(String),
    /// The request is invalid, now and later, or the database has content that this program does
    /// not write.
    Refused(String),
    /// Another process has carried out a later decision.
    Superseded(String),
    /// The file is not in its place.
    Misplaced(Error),
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Problem {
    pub(super) fn at(self, name: &Name) -> Error {
        match self {
            Self::Database(error) => name.fault(error),
            Self::Moved(problem) | Self::Refused(problem) => name.unusable(&problem),
            Self::Superseded(problem) => name.unavailable(Cause::SUPERSEDED, &problem),
            Self::Misplaced(error) => error,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Name {
    pub(super) fn file(path: &Path) -> Self {
        Self::of(&StoreName::file(path))
    }

    pub(super) fn server(options: &PgConnectOptions) -> Self {
        Self::of(&StoreName::server(options))
    }

    fn of(store: &StoreName) -> Self {
        Self(StoreName::named(&format!("the mail directory {store}")))
    }

    /// A permanent error.
    pub(super) fn unusable(&self, problem: &str) -> Error {
        Error::Refused { cause: Cause::UNUSABLE, problem: format!("{self} {problem}") }
    }

    /// A transient error.
    pub(super) fn unavailable(&self, cause: Cause, problem: &str) -> Error {
        Error::Unavailable { cause, problem: format!("{self} {problem}"), source: None }
    }

    /// What an error of the database means. What its operators can correct is transient: it makes
    /// no mailbox fail.
    pub(super) fn fault(&self, error: sqlx::Error) -> Error {
        let (failure, message) = (Failure::of(&error), message(&error));
        if matches!(failure, Failure::Duplicate | Failure::Value) {
            return self.unusable(&format!("reports an error: {message}; check its contents"));
        }
        let gone = matches!(failure, Failure::NoDatabase | Failure::NoTable);
        let cause = if gone { Cause::GONE } else { Cause::UNAVAILABLE };
        let problem = match self.0.error(error) {
            sql::Error::Corrupt(damage) => {
                let remedy = "restore it from its backup or run `tramonto platform rebuild`";
                let problem = damage.with_remedy(remedy);
                return Error::Refused { cause: Cause::UNUSABLE, problem };
            }
            error @ sql::Error::Rejected { .. } => error.to_string(),
            error @ (sql::Error::Conflict { .. } | sql::Error::Unavailable { .. }) => {
                format!("{error} ({message})")
            }
        };
        Error::Unavailable { cause, problem, source: None }
    }
}

/// The database's message, without the details that can contain a row.
fn message(error: &sqlx::Error) -> String {
    let Some(database) = error.as_database_error() else { return error.to_string() };
    format!("{}, code {}", database.message(), database.code().unwrap_or_default())
}
