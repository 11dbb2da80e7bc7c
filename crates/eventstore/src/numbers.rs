//! Numbers and instants of the log as the databases return them: as signed numbers.

use chrono::{DateTime, Utc};
use sql::Param;

/// A position or version from the database.
pub(crate) fn unsigned(number: i64) -> Result<u64, sqlx::Error> {
    u64::try_from(number).map_err(decode)
}

/// A position or version for the database, at most its largest number.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The same as a parameter.
pub(crate) fn number(number: u64) -> Param {
    Param::Number(signed(number))
}

/// An instant from microseconds since 1970.
pub(crate) fn instant(microseconds: i64) -> Result<DateTime<Utc>, sqlx::Error> {
    DateTime::from_timestamp_micros(microseconds)
        .ok_or_else(|| sqlx::Error::Decode(format!("{microseconds} is not an instant").into()))
}

/// A stored value that this program does not write.
pub(crate) fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}
