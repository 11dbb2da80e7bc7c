//! The registry: who is behind a mailbox's number. The one place where personal data is kept.
//!
//! Purpose: from address, registration id or number to the registration, and the addresses that a mail
//! directory is filled with. Invariants: numbers are dense from 0 and never reused; no two registrations
//! share an id, a holder or an address; a file belongs to one programme; what is to be told to the log
//! lies in the outbox from the same transaction that changed the rows. Deliberately absent: what a
//! mailbox may do, which is folded from the log and needs no name.

mod error;
mod open;
mod outbox;
mod row;
mod schema;
mod write;

use std::ops::RangeInclusive;
use std::path::Path;

use domain::{ProgrammeId, Registration};
use roaring::RoaringBitmap;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

pub use error::Error;
use error::Place;
pub(crate) use outbox::Announcement;
pub(crate) use row::{Brief, Keys, Numbered, digest};
pub(crate) use write::{Freed, ImportState, Write};

/// The registry of one programme, in a `SQLite` file of its own.
#[derive(Debug)]
pub struct Registry {
    place: Place,
    programme: ProgrammeId,
    readers: SqlitePool,
    writer: Mutex<SqliteConnection>,
    /// Held by the one import that may run at a time.
    pub(crate) importing: Mutex<()>,
}

/// A registration and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The mailbox's number in sets.
    pub number: u32,
    /// What is known of it.
    pub registration: Registration,
}

/// How many registrations are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All of them.
    pub registered: u64,
    /// Those that were activated at the post office.
    pub activated: u64,
    /// Those that ever sent a message.
    pub used: u64,
}

/// How many numbers are asked for in one statement.
const PAGE: usize = 8_192;

impl Registry {
    /// Opens the registry of a programme, which is made where there is no file. It belongs to that
    /// programme for ever; another one's is refused.
    pub async fn open(path: &Path, programme: &ProgrammeId) -> Result<Self, Error> {
        let place = Place::new(path);
        let writer = open::writer(path, &place, programme).await?;
        let readers = open::readers(path, &place).await?;
        Ok(Self {
            place,
            programme: programme.clone(),
            readers,
            writer: Mutex::new(writer),
            importing: Mutex::default(),
        })
    }

    /// The programme it belongs to.
    pub fn programme(&self) -> &ProgrammeId {
        &self.programme
    }

    /// Refuses to be used for another programme.
    pub(crate) fn expect(&self, programme: &ProgrammeId) -> Result<(), Error> {
        if self.programme == *programme {
            return Ok(());
        }
        let (place, expected) = (self.place.to_string(), programme.clone());
        Err(Error::OtherProgramme { place, found: self.programme.to_string(), expected })
    }

    /// Closes the file.
    pub async fn close(self) -> Result<(), Error> {
        self.readers.close().await;
        let closed = sqlx::Connection::close(self.writer.into_inner()).await;
        closed.map_err(|error| self.place.fault(error))
    }

    /// The registration of a number.
    pub async fn find(&self, number: u32) -> Result<Option<Entry>, Error> {
        self.one(row::BY_NUMBER, number.to_string()).await
    }

    /// The registration that asked for an address; capitals do not count.
    pub async fn find_address(&self, address: &str) -> Result<Option<Entry>, Error> {
        self.one(row::BY_ADDRESS, address.trim().to_ascii_lowercase()).await
    }

    /// The registration of that id in the registry file.
    pub async fn find_registration(&self, registration_id: &str) -> Result<Option<Entry>, Error> {
        self.one(row::BY_ID, registration_id.trim().to_owned()).await
    }

    async fn one(&self, statement: &'static str, key: String) -> Result<Option<Entry>, Error> {
        let found = sqlx::query(statement).bind(key).fetch_optional(&self.readers).await;
        let found = found.map_err(|error| self.place.fault(error))?;
        found.map(|found| row::entry(&found, &self.place)).transpose()
    }

    /// Number, address and whether it was activated, for the numbers of a range, in their order.
    pub async fn addresses(
        &self,
        numbers: RangeInclusive<u32>,
    ) -> Result<Vec<(u32, String, bool)>, Error> {
        let range = sqlx::query(row::ADDRESSES).bind(numbers.start()).bind(numbers.end());
        let found = range.fetch_all(&self.readers).await.and_then(read_addresses);
        found.map_err(|error| self.place.fault(error))
    }

    /// The same for the numbers of a set; those that are not in the registry are left out.
    pub async fn addresses_of(
        &self,
        numbers: &RoaringBitmap,
    ) -> Result<Vec<(u32, String, bool)>, Error> {
        let mut all = Vec::new();
        let mut rest = numbers.iter();
        loop {
            let page: Vec<u32> = rest.by_ref().take(PAGE).collect();
            if page.is_empty() {
                return Ok(all);
            }
            let found = sqlx::query(row::ADDRESSES_OF).bind(row::json_numbers(&page));
            let found = found.fetch_all(&self.readers).await.and_then(read_addresses);
            all.extend(found.map_err(|error| self.place.fault(error))?);
        }
    }

    /// How many registrations there are, by state.
    pub async fn counts(&self) -> Result<Counts, Error> {
        let counted = sqlx::query_as::<_, (u64, u64, u64)>(row::COUNTS).fetch_one(&self.readers);
        let counted = counted.await.map_err(|error| self.place.fault(error))?;
        let (registered, activated, used) = counted;
        Ok(Counts { registered, activated, used })
    }

    /// The number that the next registration gets.
    pub async fn next_number(&self) -> Result<u32, Error> {
        let next = sqlx::query_scalar::<_, u32>(row::NEXT_NUMBER).fetch_one(&self.readers);
        next.await.map_err(|error| self.place.fault(error))
    }
}

fn read_addresses(rows: Vec<SqliteRow>) -> Result<Vec<(u32, String, bool)>, sqlx::Error> {
    let read = |row: SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
    rows.into_iter().map(read).collect()
}

#[cfg(test)]
mod tests;
