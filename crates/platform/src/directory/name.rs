//! The name of a directory in errors, and what an error of its database means, with the next step.
//!
//! Invariant: no message and no source contains a row. The details of a `PostgreSQL` error (the key
//! that exists already, the row that fails a check) contain addresses, so only its message is
//! passed on.

use std::fmt;
use std::path::Path;

use sql::Failure;
use sqlx::postgres::PgConnectOptions;

use crate::{Cause, Error};

/// The name of a directory: its path, or host, port and database without user and password.
#[derive(Debug, Clone)]
pub(super) struct Name(String);

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
    /// The server did not answer in time.
    Silence,
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
            Self::Silence => name.silent(),
            Self::Misplaced(error) => error,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Name {
    pub(super) fn file(path: &Path) -> Self {
        Self(format!("the mail directory {}", path.display()))
    }

    pub(super) fn server(options: &PgConnectOptions) -> Self {
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        let (host, port) = (options.get_host(), options.get_port());
        Self(format!("the mail directory at {host}:{port}/{database}"))
    }

    /// A permanent error.
    pub(super) fn unusable(&self, problem: &str) -> Error {
        Error::Refused { cause: Cause::UNUSABLE, problem: format!("{self} {problem}") }
    }

    /// A transient error.
    pub(super) fn unavailable(&self, cause: Cause, problem: &str) -> Error {
        Error::Unavailable { cause, problem: format!("{self} {problem}"), source: None }
    }

    pub(super) fn silent(&self) -> Error {
        self.unavailable(
            Cause::UNAVAILABLE,
            "does not answer; check that PostgreSQL runs there and that the network lets it \
             through",
        )
    }

    pub(super) fn fault(&self, error: sqlx::Error) -> Error {
        use Failure::{
            Busy, Closed, Damaged, Disk, DiskFull, Duplicate, Login, NoDatabase, NoTable,
            NotADatabase, NotOpenable, Other, Permission, PoolBusy, ReadOnlyFile, Restarting,
            ServerFull, Settings, Standby, Undecodable, Unreachable, Untrusted, Value,
        };
        let message = message(&error);
        let (cause, advice) = match Failure::of(&error) {
            Busy => (
                Cause::UNAVAILABLE,
                "is locked by another program or slow; end that program, or wait",
            ),
            ReadOnlyFile => {
                (Cause::UNAVAILABLE, "is read-only; make the file and its folder writable")
            }
            NotOpenable => {
                (Cause::UNAVAILABLE, "cannot be opened; check the permissions of its folder")
            }
            // A full disk can also surface here, if the index of the write-ahead log finds no
            // space.
            Disk => (
                Cause::UNAVAILABLE,
                "cannot be read or written, as when its disk is full or failing; free some space \
                 or check the disk, and try again",
            ),
            DiskFull => {
                (Cause::UNAVAILABLE, "has no space on its disk; free some space and try again")
            }
            ServerFull => (Cause::UNAVAILABLE, "has no memory or connection left; free some"),
            Restarting => {
                (Cause::UNAVAILABLE, "is starting or stopping, or accepts no connections; wait")
            }
            Standby => (Cause::UNAVAILABLE, "is read-only; give the address of the primary"),
            Permission => (
                Cause::UNAVAILABLE,
                "refuses this user; grant the permissions in deploy/postgres/roles.sql",
            ),
            NoDatabase => (Cause::GONE, "is gone; restore the database from its backup"),
            NoTable => (
                Cause::GONE,
                "is missing; run `tramonto store migrate`, or restore it from its backup",
            ),
            Login => (Cause::UNAVAILABLE, "does not admit this user; check its credentials"),
            Untrusted => (
                Cause::UNAVAILABLE,
                "is not trusted; name the authority that issued its certificate with \
                 --store-root-certificate",
            ),
            Undecodable => {
                return self.unusable(&format!(
                    "holds what this program does not write ({error}); restore it from its backup"
                ));
            }
            Damaged | NotADatabase => {
                return self.unusable(&format!(
                    "is damaged ({message}); put it back from its backup or run `tramonto \
                     platform rebuild`"
                ));
            }
            Value | Duplicate | Other => {
                return self.unusable(&format!("reports an error: {message}; check its contents"));
            }
            Unreachable | Settings | PoolBusy | Closed => {
                let problem = format!(
                    "{self} cannot be reached; check that PostgreSQL runs there, its address, TLS \
                     settings and network"
                );
                let source = Some(error.into());
                return Error::Unavailable { cause: Cause::UNAVAILABLE, problem, source };
            }
        };
        self.unavailable(cause, &format!("{advice} ({message})"))
    }
}

/// The database's message, without the details that can contain a row.
fn message(error: &sqlx::Error) -> String {
    let Some(database) = error.as_database_error() else { return error.to_string() };
    format!("{}, code {}", database.message(), database.code().unwrap_or_default())
}
