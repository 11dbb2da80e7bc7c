//! Maps database errors to errors of the platform, with the next step.
//!
//! Invariant: no message and no source contains a row. The details of a `PostgreSQL` error (the key
//! that exists already, the row that fails a check) contain addresses, so only its message is
//! passed on.

use sql::Failure;
use sqlx::postgres::PgConnectOptions;

use super::super::{Cause, Error};

/// The address of a directory, as its errors name it.
#[derive(Debug, Clone)]
pub(super) struct Address(String);

/// Why a transaction on the directory failed; it was rolled back.
#[derive(Debug)]
pub(super) enum Problem {
    /// The database reported an error.
    Database(sqlx::Error),
    /// The database has content that this program does not write.
    Content(String),
    /// A statement changed other rows than those scanned before.
    Moved(String),
    /// The request is invalid, now and later.
    Refused(String),
    /// Another process has carried out a later decision.
    Superseded(String),
    /// The server did not answer in time.
    Silence,
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Problem {
    pub(super) fn at(self, place: &Address) -> Error {
        match self {
            Self::Database(error) => place.fault(error),
            Self::Content(problem) | Self::Moved(problem) | Self::Refused(problem) => {
                place.unusable(&problem)
            }
            Self::Superseded(problem) => place.unavailable(Cause::SUPERSEDED, &problem),
            Self::Silence => place.silent(),
        }
    }
}

impl Address {
    pub(super) fn of(options: &PgConnectOptions) -> Self {
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        Self(format!("{}:{}/{database}", options.get_host(), options.get_port()))
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// A permanent error.
    pub(super) fn unusable(&self, problem: &str) -> Error {
        let problem = format!("the mail directory at {} {problem}", self.0);
        Error::Refused { cause: Cause::UNUSABLE, problem }
    }

    /// A transient error.
    pub(super) fn unavailable(&self, cause: Cause, problem: &str) -> Error {
        let problem = format!("the mail directory at {} {problem}", self.0);
        Error::Unavailable { cause, problem, source: None }
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
        let (cause, advice) = match Failure::of(&error) {
            Busy => (
                Cause::UNAVAILABLE,
                "is locked by another program or slow; end that program, or wait",
            ),
            Restarting => (Cause::UNAVAILABLE, "is starting or stopping, or admits nobody; wait"),
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
            ServerFull | DiskFull => {
                (Cause::UNAVAILABLE, "has no space, memory or connection left; free some")
            }
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
            Value | Duplicate | Other | Damaged | NotADatabase | NotOpenable | ReadOnlyFile => {
                let message = message(&error);
                return self.unusable(&format!("reports an error: {message}; check its contents"));
            }
            Unreachable | Settings | PoolBusy | Closed | Disk => {
                let problem = format!(
                    "the mail directory at {} cannot be reached; check that PostgreSQL runs \
                     there, its address, TLS settings and network",
                    self.0
                );
                let source = Some(error.into());
                return Error::Unavailable { cause: Cause::UNAVAILABLE, problem, source };
            }
        };
        self.unavailable(cause, &format!("{advice} ({})", message(&error)))
    }
}

/// The server's message, without the details that can contain a row.
fn message(error: &sqlx::Error) -> String {
    let Some(database) = error.as_database_error() else { return error.to_string() };
    format!("{}, SQLSTATE {}", database.message(), database.code().unwrap_or_default())
}
