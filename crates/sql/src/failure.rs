//! The one table of the databases' error codes, and what each code means to the caller.
//!
//! Invariant: nothing else in the workspace compares a SQLSTATE or a `SQLite` result code, apart
//! from callers that ask [`Failure::of`].

use std::io::ErrorKind;

use sqlx::Error;
use sqlx::postgres::PgDatabaseError;

/// A failure as either database reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A unique constraint does not hold.
    Duplicate,
    /// Another process holds the lock, or a statement took too long.
    Busy,
    /// The disk is full.
    DiskFull,
    /// The disk fails, or is full where `SQLite` cannot tell.
    Disk,
    /// The server is out of connections, memory or disk space.
    ServerFull,
    /// The server is starting, stopping or ended the session.
    Restarting,
    /// The server is a standby.
    Standby,
    /// The server or the network is gone.
    Unreachable,
    /// All connections of this process are in use.
    PoolBusy,
    /// The store was closed by this process.
    Closed,
    /// The file is truncated or overwritten.
    Damaged,
    /// The file is not a database.
    NotADatabase,
    /// A stored value is not what this program writes.
    Undecodable,
    /// The file is read-only.
    ReadOnlyFile,
    /// The file or its folder cannot be opened.
    NotOpenable,
    /// The server does not know this user or password.
    Login,
    /// The server's certificate is not trusted.
    Untrusted,
    /// The URL or the TLS settings are wrong.
    Settings,
    /// There is no such database.
    NoDatabase,
    /// A schema, table or column is missing.
    NoTable,
    /// The user lacks a permission.
    Permission,
    /// The server cannot store a value.
    Value,
    /// The server's storage is damaged or a constraint of the schema is broken.
    Other,
}

use Failure::{
    Busy, Closed, Damaged, Disk, DiskFull, Duplicate, Login, NoDatabase, NoTable, NotADatabase,
    NotOpenable, Other, Permission, PoolBusy, ReadOnlyFile, Restarting, ServerFull, Settings,
    Standby, Undecodable, Unreachable, Untrusted, Value,
};

/// `SQLite` primary result codes.
const SQLITE: &[(u32, Failure)] = &[
    (3, ReadOnlyFile),
    (5, Busy),
    (6, Busy),
    (8, ReadOnlyFile),
    (10, Disk),
    (11, Damaged),
    (13, DiskFull),
    (14, NotOpenable),
    (26, NotADatabase),
];

/// `SQLSTATE`s, whole or by class; the first that the code starts with counts.
const POSTGRES: &[(&str, Failure)] = &[
    ("08", Unreachable),
    ("22", Value),
    ("25006", Standby),
    ("25P03", Unreachable),
    ("28", Login),
    ("3D000", NoDatabase),
    ("3F000", NoTable),
    ("40", Busy),
    ("42501", Permission),
    ("42703", NoTable),
    ("42883", NoTable),
    ("42P01", NoTable),
    ("53100", DiskFull),
    ("53", ServerFull),
    ("55000", Restarting),
    ("55P03", Busy),
    ("57014", Busy),
    ("57", Restarting),
    ("58", Unreachable),
];

/// What a caller can do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    Conflict,
    Unavailable(&'static str),
    Corrupt(&'static str),
    Rejected(&'static str),
}

impl Failure {
    /// What failed.
    pub fn of(error: &Error) -> Self {
        if let Some(database) = error.as_database_error() {
            if database.is_unique_violation() {
                return Duplicate;
            }
            let code = database.code().unwrap_or_default();
            return match database.try_downcast_ref::<PgDatabaseError>() {
                Some(_) => of_postgres(&code),
                None => of_sqlite(&code),
            };
        }
        if distrust(error).is_some() {
            return Untrusted;
        }
        if matches!(error, Error::PoolTimedOut) {
            PoolBusy
        } else if matches!(error, Error::PoolClosed | Error::WorkerCrashed) {
            Closed
        } else if matches!(error, Error::Io(_) | Error::Protocol(_)) {
            Unreachable
        } else if matches!(error, Error::Tls(_) | Error::Configuration(_)) {
            Settings
        } else {
            Undecodable
        }
    }

    pub(crate) fn meaning(self) -> Meaning {
        use Meaning::{Conflict, Corrupt, Rejected, Unavailable};
        match self {
            Duplicate => Conflict,
            Busy => Unavailable(
                "another process holds the lock that this one needs, or a statement took too \
                 long; retry, and if that does not help, find and stop that process",
            ),
            DiskFull => Unavailable(
                "the disk is full; free some space and try again, no acknowledged write is lost",
            ),
            Disk => Unavailable(
                "the disk is full or failing; free some space or check the disk, and try again",
            ),
            ServerFull => Unavailable(
                "the server has no connections, memory or disk space left; free some or raise \
                 max_connections, and try again, no acknowledged write is lost",
            ),
            Restarting => {
                Unavailable("the server is starting, stopping or ended the session; try again")
            }
            Standby => Unavailable(
                "the server is a standby that only reads; give the address of the primary, or \
                 wait until this one is promoted, and try again",
            ),
            Unreachable => Unavailable(
                "it could not be reached or the connection was lost; check the server, the \
                 network or the disk, and try again",
            ),
            PoolBusy => Unavailable("all its connections are in use; try again"),
            Closed => Unavailable("it was closed or opened for reading only; restart the program"),
            Damaged => Corrupt("the file is truncated or overwritten"),
            NotADatabase => Corrupt(NOT_A_DATABASE),
            Undecodable => Corrupt("a value cannot be decoded"),
            Other => Corrupt("the database reports an error that this program does not expect"),
            ReadOnlyFile => Rejected(
                "it is read-only for this user; grant write permission to the file and its folder, \
                 or use read commands only",
            ),
            NotOpenable => {
                Rejected("it cannot be opened; check the permissions of the file and its folder")
            }
            Login => Rejected(
                "the server does not admit this user; check user, password and pg_hba.conf",
            ),
            Untrusted => Rejected(
                "the server's certificate is not trusted; name the authority that issued it with \
                 --store-root-certificate, and the host as the certificate names it",
            ),
            Settings => Rejected("check its URL, its certificates and sslmode"),
            NoDatabase => Rejected("there is no such database; check its name, or create it"),
            NoTable => Rejected(
                "its tables are missing or of another version; run `tramonto store migrate`",
            ),
            Permission => Rejected(
                "this user lacks a permission; apply deploy/postgres/roles.sql and grant the user \
                 the role that it needs",
            ),
            Value => Rejected("the server cannot store a value; correct the value"),
        }
    }

    /// Whether the meaning alone says everything, without the database's own words.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self, Damaged | NotADatabase | NoDatabase | NoTable | NotOpenable | ReadOnlyFile)
    }
}

/// A file of another program, where the path is wrong, or one of ours that was overwritten.
pub(crate) const NOT_A_DATABASE: &str = "it is not a SQLite database (check the path)";

fn of_sqlite(code: &str) -> Failure {
    let primary = code.parse::<u32>().map(|extended| extended & 0xff);
    let found = SQLITE.iter().find(|(code, _)| primary == Ok(*code));
    found.map_or(Other, |(_, failure)| *failure)
}

fn of_postgres(code: &str) -> Failure {
    let found = POSTGRES.iter().find(|(prefix, _)| code.starts_with(prefix));
    found.map_or(Other, |(_, failure)| *failure)
}

/// What the library reports of a certificate that is not trusted: an error of reading.
fn distrust(error: &Error) -> Option<String> {
    let Error::Io(failed) = error else { return None };
    let text = failed.to_string();
    (failed.kind() == ErrorKind::InvalidData && text.contains("certificate")).then_some(text)
}

/// Whether the connection is of no more use.
pub fn ends_the_session(error: &Error) -> bool {
    let Some(database) = error.as_database_error() else { return true };
    let code = database.code().unwrap_or_default();
    code.starts_with("08") || matches!(&*code, "57P01" | "57P02" | "57P03" | "57P05" | "25P03")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn only_a_refused_certificate_is_distrust() {
        let io = |kind, text: &str| Failure::of(&io::Error::new(kind, text.to_owned()).into());
        let refused = "invalid peer certificate: UnknownIssuer";
        assert_eq!(io(ErrorKind::InvalidData, refused), Untrusted);
        assert_eq!(io(ErrorKind::ConnectionReset, "certificate"), Unreachable);
        assert_eq!(Failure::of(&Error::PoolClosed), Closed);
    }

    #[test]
    fn failures_that_pass_are_retried_and_others_are_not() {
        let may_retry = |failure: Failure| matches!(failure.meaning(), Meaning::Unavailable(_));
        for code in ["25P03", "57014", "55P03", "40P01", "40001", "57P01", "53300", "08006"] {
            assert!(may_retry(of_postgres(code)), "{code}");
        }
        for code in ["XX001", "23514", "22003", "42501", "28P01"] {
            assert!(!may_retry(of_postgres(code)), "{code}");
        }
        for code in ["5", "6", "10", "13", "266"] {
            assert!(may_retry(of_sqlite(code)), "{code}");
        }
        for code in ["3", "8", "11", "14", "19", "26"] {
            assert!(!may_retry(of_sqlite(code)), "{code}");
        }
    }
}
