//! What differs between the two databases in statements that are otherwise the same.
//!
//! An instant is stored in whole seconds in `SQLite` and in microseconds in `PostgreSQL`. A right
//! without an end has a value of its own, which no instant has.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// The value for a right without an end in `SQLite`.
///
/// A number instead of NULL, because `SQLite` overwrites a row in place if its size stays the same:
/// a phase over 1.2 million rows takes half the time. It is the smallest four-byte integer, as wide
/// as every instant until 2038; real instants are never negative.
pub(super) const NO_END: &str = "-2147483648";

/// A numbered column of text with the mailbox numbers of a group, for `numbers::parse`.
pub(super) const LIST: &str = "string_agg(CAST(number AS text), ',')";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The condition after a column that it is one of the numbers in `$1`.
    pub(super) fn listed(self) -> &'static str {
        match self {
            Self::Sqlite => "IN (SELECT value FROM json_each($1))",
            Self::Postgres => "= ANY ($1)",
        }
    }

    /// The elements of the JSON array in `$1`, each in a row's column `value`.
    pub(super) fn elements(self) -> &'static str {
        match self {
            Self::Sqlite => "json_each($1)",
            Self::Postgres => "json_array_elements($1::json)",
        }
    }

    /// The value of a right without an end.
    pub(super) fn no_end(self) -> &'static str {
        match self {
            Self::Sqlite => NO_END,
            Self::Postgres => "'infinity'",
        }
    }

    /// The current instant of the directory, for the view of rights. `SQLite` since 3.38 has it:
    /// that of the mail servers may be old. In `PostgreSQL` it is the start of the statement, so
    /// the planner may treat it as stable, and it still advances in a session that keeps a
    /// transaction open.
    pub(super) fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "coalesce((SELECT rehearsed_at FROM clock), unixepoch())",
            Self::Postgres => "coalesce((SELECT rehearsed_at FROM clock), statement_timestamp())",
        }
    }

    /// Selects the current instant of the directory in microseconds.
    pub(super) fn select_now(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT CAST(round(1e6 * coalesce(rehearsed_at, unixepoch('subsec'))) AS INTEGER)
                 FROM clock"
            }
            Self::Postgres => {
                "SELECT CAST(1000000 * extract(epoch FROM
                   coalesce(rehearsed_at, statement_timestamp())) AS bigint) FROM clock"
            }
        }
    }

    /// The table of the clock, as an operator names it.
    pub(super) fn clock(self) -> &'static str {
        match self {
            Self::Sqlite => "clock",
            Self::Postgres => "directory.clock",
        }
    }

    /// Sets the clock to `$1` microseconds, or lets it run again where that is NULL.
    pub(super) fn set_clock(self) -> &'static str {
        match self {
            Self::Sqlite => "UPDATE clock SET rehearsed_at = $1 / 1e6",
            Self::Postgres => {
                "UPDATE clock
                 SET rehearsed_at = timestamptz 'epoch' + $1 * interval '1 microsecond'"
            }
        }
    }

    /// A stored instant in microseconds; one beyond the calendar is its last.
    pub(super) fn micros(self, column: &str) -> String {
        match self {
            Self::Sqlite => {
                format!("1000000 * min({column}, {})", DateTime::<Utc>::MAX_UTC.timestamp())
            }
            Self::Postgres => format!("CAST(1000000 * extract(epoch FROM {column}) AS bigint)"),
        }
    }

    /// An instant as the directory stores it: a future one is rounded up, so that nothing ends
    /// early, and a past one stays past. Instants before 1970 or after 9999 are clamped.
    pub(super) fn kept(self, instant: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
        let (digits, unit) = match self {
            Self::Sqlite => (0, TimeDelta::seconds(1)),
            Self::Postgres => (6, TimeDelta::microseconds(1)),
        };
        let whole = instant.trunc_subsecs(digits);
        let up = if whole < instant && instant > now { unit } else { TimeDelta::zero() };
        clamped(whole.checked_add_signed(up).unwrap_or(whole))
    }

    /// An instant that is compared with stored ones.
    pub(super) fn literal(self, instant: DateTime<Utc>) -> String {
        match self {
            Self::Sqlite => instant.timestamp().to_string(),
            Self::Postgres => {
                format!("timestamptz '{}'", instant.format("%Y-%m-%d %H:%M:%S%.6f+00"))
            }
        }
    }

    /// The condition that a right has ended.
    pub(super) fn ended(self, column: &str, now: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} BETWEEN 0 AND {now}"),
            Self::Postgres => format!("{column} <= {now}"),
        }
    }

    /// The condition that a right ends later.
    pub(super) fn ends_later(self, column: &str, now: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} > {now}"),
            Self::Postgres => format!("{column} > {now} AND {column} < 'infinity'"),
        }
    }

    /// The decisions on the parts in `$1`. In `PostgreSQL` their rows are made and locked in
    /// ascending order, which serializes transactions about the same numbers without deadlocks; in
    /// `SQLite` a transaction that writes has the file for itself.
    pub(super) fn fences(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT part, decided FROM decision
                 WHERE part IN (SELECT value FROM json_each($1))"
            }
            Self::Postgres => {
                "INSERT INTO decision AS known
                   SELECT id, '{}' FROM unnest($1) AS id ORDER BY id
                 ON CONFLICT (part) DO UPDATE SET decided = known.decided
                 RETURNING CAST(part AS bigint), decided"
            }
        }
    }
}

/// An instant between the first of 1970 and the last second of 9999, which both databases know.
pub(super) fn clamped(instant: DateTime<Utc>) -> DateTime<Utc> {
    let last = DateTime::from_timestamp(253_402_300_799, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
    instant.clamp(DateTime::UNIX_EPOCH, last)
}
