//! The store of messages, letters and confirmations: `intake.db`, or the schema `intake`.
//!
//! Invariants: a message delivered twice is stored once; rows are deleted by erasure alone.
//! Deliberately absent: decisions, and secrets: links are stored as keyed hashes, codes not at all.

/// The codes of an enum, which are stored and shown.
macro_rules! codes {
    ($type:ident { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl $type {
            /// The code that is stored and shown.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub(super) fn read(code: &str) -> Result<Self, String> {
                match code {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(concat!("unknown ", stringify!($type)).to_owned()),
                }
            }
        }
    };
}

mod bounces;
mod confirmations;
mod erase;
mod letters;
mod messages;
mod outbox;
mod reminders;
mod schema;
#[cfg(test)]
mod tests;

use std::path::Path;

use chrono::{DateTime, Utc};
use sql::{Migration, PgConnectOptions, Tables};

use crate::Error;
pub(crate) use bounces::BOUNCED;
pub(crate) use confirmations::{Confirmation, Confirmed};
pub(crate) use letters::NewLetter;
pub use letters::{LetterKind, Route};
pub use messages::{Message, MessageStatus, NewMessage};
pub(crate) use outbox::{DueLetter, LetterOutcome};
pub(crate) use reminders::ReminderCursor;

/// The store of the intake.
#[derive(Debug)]
pub struct Store {
    tables: Tables,
}

impl Store {
    /// Opens the file, or creates it, private to its owner.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { tables: Tables::open(path, &schema::format()).await? })
    }

    /// Opens an existing file for reading.
    pub async fn open_read_only(path: &Path) -> Result<Self, Error> {
        Ok(Self { tables: Tables::open_read_only(path, &schema::format()).await? })
    }

    /// Connects to the schema `intake`, which [`Store::migrate`] creates.
    pub async fn connect(options: PgConnectOptions) -> Result<Self, Error> {
        Ok(Self { tables: Tables::connect(options, &schema::SCHEMA).await? })
    }

    /// Creates or migrates the tables in `PostgreSQL` and returns the steps taken; with `dry`, the
    /// steps it would take.
    pub async fn migrate(options: PgConnectOptions, dry: bool) -> Result<Vec<Migration>, Error> {
        Ok(schema::SCHEMA.migrate(options, dry).await?)
    }

    /// Closes the file, or the connections.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.tables.close().await?)
    }
}

fn micros(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros()
}

fn instant(micros: i64) -> Result<DateTime<Utc>, String> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| format!("{micros} is not an instant"))
}

fn number(value: i64) -> Result<u32, String> {
    u32::try_from(value).map_err(|_range| format!("{value} is not a mailbox number"))
}
