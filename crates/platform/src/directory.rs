//! The mail directory, which Postfix and Dovecot look up: in one `SQLite` file, or in the schema
//! `directory` of a `PostgreSQL` database that any number of workers change.
//!
//! It is armed: a row stores the instant at which each right ends, and the view `rights` compares
//! them with the clock, so that a phase takes effect at its midnight even if the engine is down.
//! Invariants: a call is one transaction; what is reported as applied is committed and flushed to
//! disk, in a file that was still in place afterwards; a call that was decided before the last one
//! carried out changes nothing (`fence.rs`); every wait for a server is bounded. Deliberately
//! absent: messages, passwords other than as hashes, and retries, which are the caller's.

mod clock;
mod dialect;
mod erase;
mod file;
mod inspect;
mod listing;
mod name;
mod numbers;
mod provision;
mod read;
mod refusals;
mod schema;
mod server;
mod set;
mod tables;
mod view;

use async_trait::async_trait;
use domain::{Capabilities, MailboxSet};
use uuid::Uuid;

use super::{Actual, Answer, Ends, Error, Known, Mode, Platform, SetRights, columns};
use file::File;
use name::{Name, Problem};
use server::Server;
use tables::{Access, Tables};

pub use server::Waits;

/// How often a call is tried if another program adds or removes rows while it runs.
const TRIES: u32 = 3;

/// A mail directory in its own file, or in the schema `directory` of a `PostgreSQL` database.
///
/// Other programs may read a file at any time. Any number of instances, in any number of processes,
/// may be open on the same database.
#[derive(Debug)]
pub struct Directory {
    name: Name,
    identity: Uuid,
    mode: Mode,
    database: Database,
}

#[derive(Debug)]
enum Database {
    File(File),
    Server(Server),
}

impl Directory {
    /// Its identity, shared by copies of its data and different for every new directory.
    pub fn identity(&self) -> Uuid {
        self.identity
    }

    /// The mode of its clock.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Closes its connections, and checkpoints the write-ahead log of a file. Dropping it closes
    /// them too, without waiting.
    pub async fn close(self) -> Result<(), Error> {
        match self.database {
            Database::File(file) => file.close(&self.name).await,
            Database::Server(server) => {
                server.close(&self.name).await;
                Ok(())
            }
        }
    }

    /// Runs an operation in one transaction.
    async fn transact<T>(
        &self,
        access: Access,
        work: impl AsyncFnOnce(&mut Tables<'_>) -> Result<T, Problem>,
    ) -> Result<T, Error> {
        self.attempt(access, work).await.map_err(|problem| problem.at(&self.name))
    }

    async fn attempt<T>(
        &self,
        access: Access,
        work: impl AsyncFnOnce(&mut Tables<'_>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        match &self.database {
            Database::File(file) => file.transact(access, work).await,
            Database::Server(server) => server.transact(access, work).await,
        }
    }
}

#[async_trait]
impl Platform for Directory {
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
        let set =
            async || self.attempt(Access::Write, async |tables| set::set(tables, call).await).await;
        for _ in 1..TRIES {
            match set().await {
                Err(Problem::Moved(_)) => {}
                done => return done.map_err(|problem| problem.at(&self.name)),
            }
        }
        set().await.map_err(|problem| problem.at(&self.name))
    }

    async fn read(
        &self,
        mailboxes: &MailboxSet,
        capabilities: Capabilities,
    ) -> Result<Actual, Error> {
        columns::controlled(capabilities)?;
        let work =
            async |tables: &mut Tables<'_>| read::read(tables, mailboxes, capabilities).await;
        self.transact(Access::Read, work).await
    }

    async fn known(&self, from: u32, limit: u32) -> Result<Known, Error> {
        let work = async |tables: &mut Tables<'_>| listing::known(tables, from, limit).await;
        self.transact(Access::Read, work).await
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
        let work =
            async |tables: &mut Tables<'_>| listing::ends(tables, mailboxes, capabilities).await;
        self.transact(Access::Read, work).await
    }
}
