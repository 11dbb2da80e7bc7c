//! Where derived data and the registry are kept, and what a failure there means: the one place that reads
//! the databases' codes. What it means to whom is said by the error that a [`Fault`] becomes.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgDatabaseError};

/// Where it is, as it is shown: a path, or a server and its database, without user and password.
#[derive(Debug, Clone)]
pub struct Place(Arc<str>);

/// Why something at a place could not be done.
#[derive(Debug)]
pub struct Fault {
    /// Where, as it is shown.
    pub place: String,
    /// What is the matter.
    pub why: Why,
}

impl Fault {
    /// May the same succeed if it is simply tried again later?
    pub fn may_retry(&self) -> bool {
        matches!(self.why, Why::Unavailable(..))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = &self.place;
        match &self.why {
            Why::Unavailable(advice, _) => write!(f, "{place} is unavailable: {advice}"),
            Why::Corrupt(problem) => {
                write!(f, "{place} is damaged: {problem}; restore it from a backup")
            }
            Why::Unusable(problem) => write!(f, "{place} can't be used: {problem}"),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            Why::Unavailable(_, error) => Some(error),
            Why::Corrupt(_) | Why::Unusable(_) => None,
        }
    }
}

/// What is the matter, by what can be done about it.
#[derive(Debug)]
pub enum Why {
    /// The same may succeed later.
    Unavailable(&'static str, sqlx::Error),
    /// What is stored can't be what this program wrote.
    Corrupt(String),
    /// It is not for this program, or this program not for it.
    Unusable(String),
}

impl Place {
    /// A file.
    pub fn file(path: &Path) -> Self {
        Self(path.display().to_string().into())
    }

    /// A server and its database.
    pub fn server(options: &PgConnectOptions) -> Self {
        let (host, port) = (options.get_host(), options.get_port());
        let database = options.get_database().unwrap_or(options.get_username());
        Self(format!("postgres://{host}:{port}/{database}").into())
    }

    /// It is not for this program: in one sentence, what is wrong and what to do.
    pub fn unusable(&self, problem: impl Into<String>) -> Fault {
        self.because(Why::Unusable(problem.into()))
    }

    /// What is stored can't be what this program wrote.
    pub fn corrupt(&self, problem: impl fmt::Display) -> Fault {
        self.because(Why::Corrupt(problem.to_string()))
    }

    /// Others are at it.
    pub(crate) fn busy(&self) -> Fault {
        let advice = "another process reads it; stop that one or try again";
        self.because(Why::Unavailable(advice, sqlx::Error::PoolTimedOut))
    }

    /// What a failure of the database means.
    pub fn fault(&self, error: sqlx::Error) -> Fault {
        let database = error.as_database_error();
        let of_server =
            database.and_then(|error| error.try_downcast_ref::<PgDatabaseError>()).is_some();
        let code = database.and_then(sqlx::error::DatabaseError::code).map(|code| code.to_string());
        self.because(match code {
            Some(code) if of_server => of_postgres(&code, error),
            Some(code) => of_sqlite(&code, error),
            None => of_connection(error),
        })
    }

    fn because(&self, why: Why) -> Fault {
        Fault { place: self.to_string(), why }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// By the primary result code.
fn of_sqlite(code: &str, error: sqlx::Error) -> Why {
    let advice = match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6) => "another process is writing to it; stop that one or try again",
        Ok(13) => "the disk is full; free some space and try again, nothing is lost",
        Ok(10) => "the disk failed to read or write; look at the disk and try again",
        Ok(11) => return Why::Corrupt("the file is truncated or overwritten".to_owned()),
        Ok(26) => return Why::Corrupt("it is no SQLite database".to_owned()),
        Ok(3 | 8) => {
            return Why::Unusable("it can't be written to; look at its rights".to_owned());
        }
        Ok(14) => {
            return Why::Unusable("it can't be read or written; look at its rights".to_owned());
        }
        _ => return Why::Corrupt(format!("the database says {error}")),
    };
    Why::Unavailable(advice, error)
}

/// By the class of the `SQLSTATE`, and where that is too wide, by itself.
fn of_postgres(code: &str, error: sqlx::Error) -> Why {
    let unusable = |problem: &str| Why::Unusable(problem.to_owned());
    let advice = match (code, code.get(..2).unwrap_or(code)) {
        ("3D000", _) => return unusable("there is no such database; create it first"),
        ("3F000" | "42P01" | "42703", _) => {
            return unusable("its tables are not there, or old; run `tramonto store migrate`");
        }
        ("42501", _) => {
            return unusable(
                "its user may not do that; grant the rights in deploy/postgres/roles.sql",
            );
        }
        (_, "28") => {
            return unusable(
                "it does not let this user in; look at user, password and pg_hba.conf",
            );
        }
        ("25006", _) => "it can only be read just now; name the server that takes writes",
        ("53100", _) => "its disk is full; free some space and try again, nothing is lost",
        ("53300", _) => "all its connections are in use; try again, or raise max_connections",
        (_, "40") | ("55P03", _) => "another process is writing the same; try again",
        (_, "57") => "it is starting or stopping; try again",
        (_, "08" | "53" | "58") => "it has trouble of its own; look at its log and try again",
        _ => return Why::Corrupt(format!("the database says {error}")),
    };
    Why::Unavailable(advice, error)
}

fn of_connection(error: sqlx::Error) -> Why {
    let config = matches!(error, sqlx::Error::Configuration(_) | sqlx::Error::Tls(_));
    let decode = matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_));
    if let Some(problem) = eventstore::distrust(&error) {
        return Why::Unusable(problem);
    }
    match error {
        error if config => Why::Unusable(format!("{error}; look at its URL and certificates")),
        error if decode => Why::Corrupt(error.to_string()),
        error => Why::Unavailable("it can't be reached, or its connection broke; try again", error),
    }
}
