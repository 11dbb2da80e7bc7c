//! How a store is named in messages: a path, or a URL without its password.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;

use crate::failure::{Failure, Meaning};
use crate::{Damage, Error};

/// The name of a store in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreName(Arc<str>);

impl StoreName {
    /// A file.
    pub fn file(path: &Path) -> Self {
        Self(path.display().to_string().into())
    }

    /// A database on a server.
    pub fn server(options: &PgConnectOptions) -> Self {
        let host = match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        };
        let database = options.get_database().unwrap_or(options.get_username());
        Self(format!("postgres://{host}/{database}").into())
    }

    /// Any other.
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// The store cannot be used: what is wrong and what to do about it.
    pub fn rejected(&self, problem: impl Into<String>) -> Error {
        Error::Rejected { store: self.clone(), problem: problem.into() }
    }

    /// The store holds what this program did not write.
    pub fn corrupt(&self, problem: impl fmt::Display) -> Error {
        Error::Corrupt(Damage { store: self.clone(), problem: problem.to_string() })
    }

    /// The store is unavailable, for a reason that no database reports.
    pub fn unavailable(&self, advice: &'static str, source: sqlx::Error) -> Error {
        Error::Unavailable { store: self.clone(), advice, source: source.into() }
    }

    /// What an error of the database means.
    pub fn error(&self, error: sqlx::Error) -> Error {
        let failure = Failure::of(&error);
        let detailed = |text: &str| {
            if failure.is_plain() {
                return text.to_owned();
            }
            format!("{} ({text})", message(&error))
        };
        match failure.meaning() {
            Meaning::Conflict => Error::Conflict { store: self.clone(), source: error.into() },
            Meaning::Unavailable(advice) => self.unavailable(advice, error),
            Meaning::Corrupt(problem) => self.corrupt(detailed(problem)),
            Meaning::Rejected(problem) => self.rejected(detailed(problem)),
        }
    }
}

impl fmt::Display for StoreName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The database's own words, without the details that can hold a row.
fn message(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |it| it.message().to_owned())
}
