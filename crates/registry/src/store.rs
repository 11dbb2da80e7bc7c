//! The registry: the holder of each mailbox number, with the personal data as registered.
//!
//! Maps addresses, registration ids and numbers to registrations, and provides the addresses for a
//! mail directory. Invariants: numbers are dense from 0 and never reused; no two registrations
//! share an id, a holder or an address; a file belongs to one programme; events for the log are
//! written to the outbox in the transaction that changes the rows. Deliberately absent: what a
//! mailbox may do, which is folded from the log and needs no name.

mod erase;
mod importing;
mod outbox;
mod row;
mod schema;
mod write;

use std::ops::RangeInclusive;
use std::path::Path;

use chrono::NaiveDate;
use domain::{CodiceFiscale, ProgrammeId, Registration};
use roaring::RoaringBitmap;
use sql::{Migration, Param, PgConnectOptions, Row, Statement, Tables, params};

use crate::Error;
pub(crate) use erase::{Trace, trace};
pub(crate) use importing::Importing;
pub(crate) use outbox::Announcement;
pub(crate) use row::{Keys, Numbered, digest};
pub(crate) use write::{Freed, ImportState, Write};

/// The registry of one programme, in a separate `SQLite` file or in a `PostgreSQL` database.
#[derive(Debug)]
pub struct Registry {
    tables: Tables,
    programme: ProgrammeId,
}

/// A registration and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The mailbox's number in sets.
    pub number: u32,
    /// Its registration.
    pub registration: Registration,
}

/// The number of registrations by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All of them.
    pub registered: u64,
    /// Those that were activated at the post office.
    pub activated: u64,
    /// Those that ever sent a message.
    pub used: u64,
}

impl Registry {
    /// Opens the registry of a programme, and creates it if there is no file. It belongs to that
    /// programme permanently; the registry of another is refused.
    pub async fn open(path: &Path, programme: &ProgrammeId) -> Result<Self, Error> {
        Self::of(Tables::open(path, &schema::format()).await?, programme).await
    }

    /// Opens the registry in an existing file for reading, while another process may write to it.
    pub async fn open_read_only(path: &Path, programme: &ProgrammeId) -> Result<Self, Error> {
        Self::of(Tables::open_read_only(path, &schema::format()).await?, programme).await
    }

    /// Connects to the registry of a programme in `PostgreSQL`, in the schema `registry`, which
    /// [`Registry::migrate`] creates. It belongs permanently to the first programme that connects.
    pub async fn connect(
        options: PgConnectOptions,
        programme: &ProgrammeId,
    ) -> Result<Self, Error> {
        Self::of(Tables::connect(options, &schema::SCHEMA).await?, programme).await
    }

    /// Creates the tables in `PostgreSQL`, or migrates them, and returns the steps that were
    /// missing; with `dry`, it only returns them.
    pub async fn migrate(options: PgConnectOptions, dry: bool) -> Result<Vec<Migration>, Error> {
        Ok(schema::SCHEMA.migrate(options, dry).await?)
    }

    async fn of(tables: Tables, programme: &ProgrammeId) -> Result<Self, Error> {
        let registry = Self { tables, programme: programme.clone() };
        let mut found = registry.owner().await?;
        if found.is_none() {
            // Another programme may be first.
            const BELONG: &str =
                "INSERT INTO programme VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
            registry.tables.run(BELONG, params![programme.as_str()]).await?;
            found = registry.owner().await?;
        }
        let name = registry.tables.name();
        match found {
            Some(found) if found == programme.as_str() => Ok(registry),
            Some(found) => {
                let (place, expected) = (name.to_string(), programme.clone());
                Err(Error::OtherProgramme { place, found, expected })
            }
            None => Err(name.corrupt("it does not name its programme").into()),
        }
    }

    /// The programme that it belongs to, according to the database.
    async fn owner(&self) -> Result<Option<String>, Error> {
        let name = |(name,): (String,)| Ok(name);
        Ok(self.tables.all("SELECT name FROM programme", Vec::new(), name).await?.pop())
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
        let (place, expected) = (self.tables.name().to_string(), programme.clone());
        Err(Error::OtherProgramme { place, found: self.programme.to_string(), expected })
    }

    /// Closes the file, or the connections.
    pub async fn close(self) -> Result<(), Error> {
        Ok(self.tables.close().await?)
    }

    /// The registration of a number.
    pub async fn find(&self, number: u32) -> Result<Option<Entry>, Error> {
        Ok(self.entries(&[number]).await?.pop())
    }

    /// The registration with an address; case is ignored.
    pub async fn find_address(&self, address: &str) -> Result<Option<Entry>, Error> {
        let address = address.trim().to_ascii_lowercase();
        Ok(self.tables.all(row::BY_ADDRESS, params![address], row::entry).await?.pop())
    }

    /// The registration of a holder.
    pub async fn find_holder(&self, holder: &CodiceFiscale) -> Result<Option<Entry>, Error> {
        Ok(self.tables.all(row::BY_HOLDER, params![holder.as_str()], row::entry).await?.pop())
    }

    /// The registration of that id in the registry file.
    pub async fn find_registration(&self, registration_id: &str) -> Result<Option<Entry>, Error> {
        Ok(self.tables.all(row::BY_ID, params![registration_id.trim()], row::entry).await?.pop())
    }

    /// Number, address and whether it was activated, for a range of numbers, in order.
    pub async fn addresses(
        &self,
        numbers: RangeInclusive<u32>,
    ) -> Result<Vec<(u32, String, bool)>, Error> {
        let (first, last) = numbers.into_inner();
        Ok(self.tables.all(row::ADDRESSES, params![first, last], row::address).await?)
    }

    /// The same for a set of numbers; unknown ones are left out.
    pub async fn addresses_of(
        &self,
        numbers: &RoaringBitmap,
    ) -> Result<Vec<(u32, String, bool)>, Error> {
        self.of_set(row::ADDRESSES_OF, numbers, &[], row::address).await
    }

    /// Number, address and the address for notices, for a set of numbers; unknown ones are left
    /// out.
    pub async fn contacts(
        &self,
        numbers: &RoaringBitmap,
    ) -> Result<Vec<(u32, String, Option<String>)>, Error> {
        self.of_set(row::CONTACTS, numbers, &[], row::contact).await
    }

    /// The members of a set whose mailbox was requested before a day.
    pub async fn requested_before(
        &self,
        numbers: &RoaringBitmap,
        day: NaiveDate,
    ) -> Result<RoaringBitmap, Error> {
        let day = [Param::Number(row::from_day(day))];
        let number = |(number,): (i64,)| row::number_of(number);
        let found = self.of_set(row::REQUESTED_BEFORE, numbers, &day, number).await?;
        Ok(found.into_iter().collect())
    }

    /// The number of registrations, by state.
    pub async fn counts(&self) -> Result<Counts, Error> {
        let count = |count: i64| u64::try_from(count).map_err(|error| error.to_string());
        let read = |(registered, activated, used): (i64, i64, i64)| {
            let (registered, activated) = (count(registered)?, count(activated)?);
            Ok(Counts { registered, activated, used: count(used)? })
        };
        let counted = self.tables.all(row::COUNTS, Vec::new(), read).await?.pop();
        Ok(counted.unwrap_or_default())
    }

    /// The number of the next registration.
    pub async fn next_number(&self) -> Result<u32, Error> {
        let read = |(next,): (i64,)| row::number_of(next);
        Ok(self.tables.all(row::NEXT_NUMBER, Vec::new(), read).await?.pop().unwrap_or(0))
    }

    /// The rows of a set of numbers, given as `$1`, in their order.
    async fn of_set<T: Row, R>(
        &self,
        statement: Statement,
        numbers: &RoaringBitmap,
        more: &[Param],
        read: impl Fn(T) -> Result<R, String>,
    ) -> Result<Vec<R>, Error> {
        let mut all = Vec::new();
        for page in Param::pages(numbers) {
            let given = std::iter::once(page).chain(more.iter().cloned()).collect();
            all.extend(self.tables.all(statement, given, &read).await?);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests;
