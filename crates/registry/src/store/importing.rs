//! The import lock, and the transactions of the import that holds it.

use sql::{Exclusive, Param, Statement, Transaction, params};

use super::schema::INDEXES;
use super::{Error, Registry, Write, outbox};

/// "TRMI": the number of the advisory lock in `PostgreSQL`.
const LOCK: i64 = 0x5452_4D49;

/// The import lock.
pub(crate) struct Importing<'a> {
    pub(crate) registry: &'a Registry,
    exclusive: Exclusive<'a>,
}

impl Registry {
    /// Acquires the import lock. In a file it waits; in `PostgreSQL`, where the holder may be a
    /// process on another machine, it fails after two seconds.
    pub(crate) async fn importing(&self) -> Result<Importing<'_>, Error> {
        let place = || Error::Importing { place: self.tables.name().to_string() };
        let exclusive = self.tables.exclusive(LOCK).await?.ok_or_else(place)?;
        Ok(Importing { registry: self, exclusive })
    }
}

impl Importing<'_> {
    /// Begins a transaction.
    pub(super) async fn begin(&mut self) -> Result<Transaction<'_>, Error> {
        Ok(self.exclusive.begin().await?)
    }

    /// Writes everything or nothing.
    pub(crate) async fn write(&mut self, write: Write<'_>) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        write.run(&mut transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// Removes events from the outbox up to this one, which are now in the log.
    pub(crate) async fn announced(&mut self, place: i64) -> Result<(), Error> {
        self.run(outbox::REMOVE.into(), params![place]).await
    }

    /// Creates the missing indexes.
    pub(crate) async fn index(&mut self) -> Result<(), Error> {
        for index in INDEXES {
            self.run(index.into(), Vec::new()).await?;
        }
        Ok(())
    }

    async fn run(&mut self, statement: Statement, given: Vec<Param>) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        transaction.run(statement, given).await?;
        Ok(transaction.commit().await?)
    }
}
