//! The mail directory in `PostgreSQL`, which Postfix and Dovecot query and any number of workers
//! change.
//!
//! It is armed like the one in a file: a row stores the instant at which each right ends, and the
//! view `directory.rights` compares them with the server's clock. Everything is in the schema
//! `directory` of one database, beside other schemas. Invariants: a call is one transaction, and
//! what is reported as applied is committed; calls about the same 65,536 numbers are serialized, in
//! the same order everywhere, so none can deadlock; a call that was decided before the last one
//! carried out changes nothing (`fence.rs`); every wait is bounded. Deliberately absent: messages,
//! passwords other than as hashes, and retries, which are the caller's.

mod call;
mod clock;
mod erase;
mod fault;
mod inspect;
mod listing;
mod migrate;
mod provision;
mod read;
mod say;
mod scan;
mod schema;
mod set;
mod view;
mod waits;

use async_trait::async_trait;
use domain::{Capabilities, MailboxSet};
use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use super::{Actual, Answer, Ends, Error, Known, Mode, Platform, SetRights, columns};
use fault::Address;

pub use waits::Waits;

/// A mail directory in the schema `directory` of a `PostgreSQL` database.
///
/// Any number of instances, in any number of processes, may be open on the same database.
/// Connections are opened on demand and reopened after they are lost.
#[derive(Debug)]
pub struct PostgresDirectory {
    place: Address,
    identity: Uuid,
    mode: Mode,
    waits: Waits,
    pool: PgPool,
}

impl PostgresDirectory {
    /// Creates an empty directory. The database must exist, without a schema `directory`.
    pub async fn create(options: PgConnectOptions, mode: Mode) -> Result<Self, Error> {
        migrate::create(&options, mode).await?;
        Self::open(options).await
    }

    /// Opens an existing directory.
    pub async fn open(options: PgConnectOptions) -> Result<Self, Error> {
        Self::open_with(options, Waits::default()).await
    }

    /// Opens an existing directory, with these timeouts.
    pub async fn open_with(options: PgConnectOptions, waits: Waits) -> Result<Self, Error> {
        let place = Address::of(&options);
        let pool = waits.pool(options);
        let found = migrate::current(&pool, waits, &place).await?;
        Ok(Self { place, identity: found.identity, mode: found.mode, waits, pool })
    }

    /// Creates the directory, or migrates an older one to the newest version. Idempotent; several
    /// processes may run it at once.
    pub async fn migrate(options: PgConnectOptions, mode: Mode) -> Result<(), Error> {
        migrate::migrate(&options, mode).await
    }

    /// The steps that [`Self::migrate`] would take, a sentence for each; nothing is changed.
    pub async fn pending(options: PgConnectOptions) -> Result<Vec<String>, Error> {
        migrate::pending(&options).await
    }

    /// Its identity, shared by copies of the database and different for every new directory.
    pub fn identity(&self) -> Uuid {
        self.identity
    }

    /// The mode of its clock.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Its address: host, port and database, without user and password.
    pub fn place(&self) -> &str {
        self.place.name()
    }

    /// Closes its connections. Dropping it closes them too, without waiting.
    pub async fn close(self) {
        // An unresponsive server is waited for no longer than for a connection.
        if tokio::time::timeout(self.waits.connect, self.pool.close()).await.is_err() {
            tracing::warn!(place = self.place.name(), "its connections did not close in time");
        }
    }
}

#[async_trait]
impl Platform for PostgresDirectory {
    fn controls(&self) -> Capabilities {
        Capabilities::OF_PLATFORM
    }

    fn arms(&self) -> bool {
        true
    }

    async fn set(&self, call: &SetRights) -> Result<Answer, Error> {
        columns::controlled(call.capabilities)?;
        if call.mailboxes.is_empty() {
            return Ok(Answer::default());
        }
        self.call(async |connection| set::set(connection, call).await).await
    }

    async fn read(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Actual, Error> {
        columns::controlled(capabilities)?;
        self.call(async |connection| read::read(connection, mailboxes, capabilities).await).await
    }

    async fn known(&self, from: u32, limit: u32) -> Result<Known, Error> {
        self.call(async |connection| listing::known(connection, from, limit).await).await
    }

    async fn ends(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Ends, Error> {
        columns::controlled(capabilities)?;
        if capabilities.is_empty() {
            return Ok(Ends::new());
        }
        self.call(async |connection| listing::ends(connection, mailboxes, capabilities).await).await
    }
}
