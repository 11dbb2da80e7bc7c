//! What a failure of the database means to whoever called, and what to do about it.
//!
//! Invariant: no sentence and no source holds a row. What `PostgreSQL` tells in its details (the key that
//! exists already, the row that fails a check) has addresses in it, so only its message is passed on.

use sqlx::postgres::PgConnectOptions;

use super::super::{Cause, Error};

/// Where a directory is, as its errors name it.
#[derive(Debug, Clone)]
pub(super) struct Place(String);

/// Why a transaction on the directory came to nothing; it left no trace.
#[derive(Debug)]
pub(super) enum Problem {
    /// The database said so.
    Database(sqlx::Error),
    /// The database holds what this program does not write.
    Content(String),
    /// A statement changed other rows than were there a moment ago.
    Moved(String),
    /// What was asked for can't be, and will not be later.
    Refused(String),
    /// Another process did more, later.
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
    pub(super) fn at(self, place: &Place) -> Error {
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

impl Place {
    pub(super) fn of(options: &PgConnectOptions) -> Self {
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        Self(format!("{}:{}/{database}", options.get_host(), options.get_port()))
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }

    /// Never usable as it is.
    pub(super) fn unusable(&self, problem: &str) -> Error {
        let problem = format!("the mail directory at {} {problem}", self.0);
        Error::Refused { cause: Cause::UNUSABLE, problem }
    }

    /// Not usable now.
    pub(super) fn unavailable(&self, cause: Cause, problem: &str) -> Error {
        let problem = format!("the mail directory at {} {problem}", self.0);
        Error::Unavailable { cause, problem, source: None }
    }

    pub(super) fn silent(&self) -> Error {
        self.unavailable(
            Cause::UNAVAILABLE,
            "does not answer; check that PostgreSQL runs there and that the network lets it through",
        )
    }

    pub(super) fn fault(&self, error: sqlx::Error) -> Error {
        if let sqlx::Error::Database(found) = &error {
            let code = found.code().unwrap_or_default();
            return self.told(&code, found.message());
        }
        if let sqlx::Error::PoolTimedOut = error {
            return self.silent();
        }
        if let sqlx::Error::RowNotFound
        | sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::Decode(_) = error
        {
            return self.unusable(&format!(
                "holds what this program does not write ({error}); put it back from its backup"
            ));
        }
        if let Some(problem) = eventstore::distrust(&error) {
            return self.unavailable(Cause::UNAVAILABLE, &format!("can't be used: {problem}"));
        }
        let problem = format!(
            "the mail directory at {} can't be reached; check that PostgreSQL runs there, and its \
             address, TLS settings and network",
            self.0
        );
        Error::Unavailable { cause: Cause::UNAVAILABLE, problem, source: Some(Box::new(error)) }
    }

    /// What the server itself said.
    fn told(&self, code: &str, message: &str) -> Error {
        let class = code.get(..2).unwrap_or_default();
        let (cause, advice) = match (class, code) {
            (_, "57014") => {
                (Cause::UNAVAILABLE, "took too long; look for what slows PostgreSQL down")
            }
            (_, "55P03") => {
                (Cause::UNAVAILABLE, "is locked by another program; end that one, or wait")
            }
            (_, "55000") => (Cause::UNAVAILABLE, "takes no connections now; allow them, or wait"),
            (_, "25006") => (Cause::UNAVAILABLE, "is read-only; give the address of the primary"),
            (_, "42501") => (
                Cause::UNAVAILABLE,
                "is not this user's to use; grant the rights in deploy/postgres/roles.sql",
            ),
            (_, "3D000") => (Cause::GONE, "is gone; put the database back from its backup"),
            (_, "42P01" | "3F000") => (
                Cause::GONE,
                "is not there; run `tramonto store migrate`, or put it back from its backup",
            ),
            (_, "25P03") => {
                (Cause::UNAVAILABLE, "ended a call in its middle for being slow; it is made again")
            }
            ("08" | "57", _) => (Cause::UNAVAILABLE, "starts or stops just now; wait for it"),
            ("28", _) => (Cause::UNAVAILABLE, "does not let this user in; check its credentials"),
            ("40", _) => (Cause::UNAVAILABLE, "had two changes in each other's way; try again"),
            ("53" | "58", _) => {
                (Cause::UNAVAILABLE, "has no room, memory or connection left; make some")
            }
            ("XX", "XX001" | "XX002") => {
                return self.unusable(&format!(
                    "is damaged ({message}, SQLSTATE {code}); put it back from its backup"
                ));
            }
            _ => return self.unusable(&format!("refuses: {message} (SQLSTATE {code})")),
        };
        self.unavailable(cause, &format!("{advice} ({message}, SQLSTATE {code})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_tried_again_and_what_does_not_is_told() {
        let place = Place("db:5432/mail".to_owned());
        // Ended by the server for being slow, locked, in each other's way, stopping, full.
        for code in ["25P03", "57014", "55P03", "40P01", "40001", "57P01", "53300", "08006"] {
            assert!(place.told(code, "so").may_retry(), "{code}");
        }
        for code in ["XX001", "23514", "22003"] {
            assert!(!place.told(code, "so").may_retry(), "{code}");
        }
    }
}
