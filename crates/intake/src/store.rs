//! Where messages are kept, and what they led to: `intake.db`, or the schema `intake`.
//!
//! Invariants: a message that was handed over twice is one; nothing goes but by erasure. Deliberately absent:
//! decisions, and anything that would let its reader ask for a voucher: of links there are keyed hashes, of
//! codes nothing.

mod confirmations;
mod erase;
mod letters;
mod messages;
mod outbox;
mod reminding;
mod returns;
mod schema;
#[cfg(test)]
mod tests;

use std::path::Path;

use chrono::{DateTime, Utc};
use sql::{PgConnectOptions, Tables};

use crate::Error;
pub(crate) use confirmations::{Asked, Confirmed};
pub(crate) use letters::New;
pub use letters::{LetterKind, Route};
pub use messages::{Kept, Message, Standing};
pub(crate) use outbox::{Sent, Waiting};
pub(crate) use reminding::Place;
pub(crate) use returns::RETURNED;

/// The store of the intake.
#[derive(Debug)]
pub struct Store {
    tables: Tables,
}

impl Store {
    /// Opens the file, which is made where there is none, for its owner alone.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { tables: Tables::open(path, &schema::format()).await? })
    }

    /// Opens an existing file for a look.
    pub async fn open_read_only(path: &Path) -> Result<Self, Error> {
        Ok(Self { tables: Tables::open_read_only(path, &schema::format()).await? })
    }

    /// Connects to the schema `intake`, which [`Store::migrate`] has made.
    pub async fn connect(options: PgConnectOptions) -> Result<Self, Error> {
        Ok(Self { tables: Tables::connect(options, &schema::SCHEMA).await? })
    }

    /// Makes the tables in `PostgreSQL`, or brings them up to date, and tells which steps that took; with `dry`,
    /// which it would take.
    pub async fn migrate(options: PgConnectOptions, dry: bool) -> Result<Vec<String>, Error> {
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
    DateTime::from_timestamp_micros(micros).ok_or_else(|| format!("{micros} is no instant"))
}

fn number(value: i64) -> Result<u32, String> {
    u32::try_from(value).map_err(|_range| format!("{value} is no mailbox"))
}
