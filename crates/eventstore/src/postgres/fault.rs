//! What the server says, put as what the operator can do about it. The one place that reads its codes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;

use crate::Error;

/// Where the store is, as it is shown: never with its password.
#[derive(Debug, Clone)]
pub(crate) struct Place(Arc<str>);

const LOST: &str = "the server could not be reached or the connection was lost; look at the server and \
                    the network and try again, and whether the last append was written is not known, \
                    but sending the same events with the same ids again is safe";
const STOPPING: &str = "the server is starting, stopping or ended the session; try again";
const FULL: &str = "the server has no connection, memory or disk space left; look at it and try again, \
                    nothing that was taken is lost";
const BUSY: &str = "another session held what this one waits for, or took too long; try again, and if \
                    that does not help, find and stop that session";
const STANDBY: &str = "the server is a standby that only reads; give the address of the primary, or \
                       wait until this one is promoted, and try again";
const CLOSED: &str = "it was closed; start the program again";

impl Place {
    pub(crate) fn new(options: &PgConnectOptions) -> Self {
        let database = options.get_database().unwrap_or(options.get_username());
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        Self(format!("postgres://{}@{host}/{database}", options.get_username()).into())
    }

    /// A place that is known by other words.
    pub(crate) fn named(words: &str) -> Self {
        Self(words.into())
    }

    /// The store can't be used, for the reason given.
    pub(crate) fn unusable(&self, problem: impl Into<String>) -> Error {
        Error::Unusable { place: self.to_string(), problem: problem.into() }
    }

    /// What is stored is not what was written.
    pub(crate) fn corrupt(&self, problem: impl fmt::Display) -> Error {
        let problem = format!("{problem}; restore it from a backup");
        Error::Corrupt { place: self.to_string(), problem }
    }

    /// What a failure means.
    pub(crate) fn fault(&self, error: sqlx::Error) -> Error {
        let Some(database) = error.as_database_error() else { return self.without_code(error) };
        let code = database.code().unwrap_or(Cow::Borrowed(""));
        let (class, said) = (code.get(..2).unwrap_or(""), database.message().to_owned());
        let advice = match (class, &*code) {
            ("08" | "58", _) | (_, "25P03") => LOST,
            (_, "57014" | "55P03" | "40001" | "40P01") => BUSY,
            ("57", _) => STOPPING,
            ("53", _) => FULL,
            (_, "25006") => STANDBY,
            ("28", _) => {
                return self.unusable(format!("the server says {said}; look at user and password"));
            }
            (_, "3D000") => {
                return self.unusable("there is no such database; look at the name, or create it");
            }
            (_, "42501") => {
                return self.unusable(format!(
                    "the server says {said}; apply deploy/postgres/roles.sql and grant this user \
                     the role it needs"
                ));
            }
            (_, "42P01" | "3F000" | "42703" | "42883") => {
                return self.unusable(
                    "its tables are missing or not those of this program; run `tramonto store migrate`",
                );
            }
            ("22", _) => return Error::InvalidAppend(format!("the server can't keep it: {said}")),
            _ => return self.corrupt(format_args!("the server says {said}")),
        };
        self.unavailable(advice, error)
    }

    fn without_code(&self, error: sqlx::Error) -> Error {
        if matches!(error, sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed) {
            return self.unavailable(CLOSED, error);
        }
        if let Some(problem) = super::distrust(&error) {
            return self.unusable(problem);
        }
        if is_lost(&error) {
            return self.unavailable(LOST, error);
        }
        if let sqlx::Error::Tls(problem) = &error {
            return self.unusable(format!("{problem}; look at the certificates and sslmode"));
        }
        if let sqlx::Error::Configuration(problem) = &error {
            return self.unusable(format!("{problem}; look at its address and settings"));
        }
        self.corrupt(format_args!("the database says {error}"))
    }

    /// The same failure once more, for another that failed together with the first; `None` where it may
    /// not be the other's failure, because it is not the server that fails.
    pub(crate) fn again(&self, fault: &Error) -> Option<Error> {
        if let Error::Unavailable { advice, source, .. } = fault {
            let said = std::io::Error::other(source.to_string());
            return Some(self.unavailable(advice, said.into()));
        }
        if let Error::Unusable { problem, .. } = fault {
            return Some(self.unusable(problem));
        }
        None
    }

    fn unavailable(&self, advice: &'static str, source: sqlx::Error) -> Error {
        Error::Unavailable { place: self.to_string(), advice, source }
    }
}

/// Did the connection fail, rather than the server say something?
fn is_lost(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::PoolTimedOut)
}

/// Is something there already that must be there once?
pub(crate) fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Is the connection of no more use?
pub(crate) fn ends_the_session(error: &sqlx::Error) -> bool {
    let Some(code) = error.as_database_error().map(|error| error.code().unwrap_or_default()) else {
        return true;
    };
    matches!(
        (code.get(..2), &*code),
        (Some("08"), _) | (_, "57P01" | "57P02" | "57P03" | "57P05" | "25P03")
    )
}

/// Was the connection gone before anything was asked of it? One that does not answer may not be.
pub(crate) fn was_gone(error: &sqlx::Error) -> bool {
    let waited =
        matches!(error, sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut);
    ends_the_session(error) && !waited
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
