//! A directory on a `PostgreSQL` server, in the schema `directory` beside other schemas.
//!
//! Invariants: transactions about the same 65,536 numbers are serialized, in the same order
//! everywhere, so none can deadlock; every wait is bounded. Connections are opened on demand and
//! reopened after they are lost.

use sql::{Connections, PgConnectOptions, Writer, within};
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use super::name::{Name, Problem};
use super::tables::{Access, Tables};
use super::{Database, Directory};
use crate::Error;

mod inspect;
mod migrate;
mod schema;
mod waits;

pub use waits::Waits;

/// Maximum connections of one process: a worker makes one call at a time.
const CONNECTIONS: usize = 8;

#[derive(Debug)]
pub(super) struct Server {
    waits: Waits,
    connections: Connections,
}

impl Directory {
    /// Opens the directory on a server.
    pub async fn connect(options: PgConnectOptions) -> Result<Self, Error> {
        Self::connect_with(options, Waits::default()).await
    }

    /// Opens the directory on a server, with these timeouts.
    pub async fn connect_with(options: PgConnectOptions, waits: Waits) -> Result<Self, Error> {
        let (name, server) = (Name::server(&options), Server::new(options, waits));
        let found = migrate::current(&server, &name).await?;
        let database = Database::Server(server);
        Ok(Self { name, identity: found.identity, mode: found.mode, database })
    }
}

impl Server {
    fn new(options: PgConnectOptions, waits: Waits) -> Self {
        let session = waits.session(options);
        let connections = Connections::new(session, CONNECTIONS, waits.statement);
        Self { waits, connections }
    }

    /// Runs an operation in one transaction.
    pub(super) async fn transact<T>(
        &self,
        access: Access,
        work: impl AsyncFnOnce(&mut Tables<'_>) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let begin = match access {
            Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
            // A statement after a lock wait must see what was committed meanwhile.
            Access::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
        };
        self.call(async |connection| {
            let mut transaction = connection.begin_with(begin).await?;
            let done = work(&mut Tables(Writer::Postgres(&mut transaction))).await?;
            transaction.commit().await?;
            Ok(done)
        })
        .await
    }

    /// Runs an operation on its own connection, with a bounded wait. After a failed or cancelled
    /// call the connection is closed, which rolls back the transaction.
    async fn call<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut lent = within(self.waits.connect, self.connections.lend()).await?;
        let done = timeout(self.waits.call, work(&mut lent.connection)).await;
        let done = done.unwrap_or_else(|_elapsed| {
            let silent = std::io::Error::from(std::io::ErrorKind::TimedOut);
            Err(sqlx::Error::from(silent).into())
        });
        if done.is_ok() {
            lent.give_back();
        }
        done
    }

    /// Refuses a user who may not rewrite the table of addresses: for another user than its owner
    /// VACUUM would only warn, and rewrite nothing.
    pub(super) async fn may_rewrite(&self, name: &Name) -> Result<(), Error> {
        let owned = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class
                     WHERE oid = 'directory.mailbox'::regclass";
        let owned = self
            .call(async |connection| Ok(sqlx::query_scalar(owned).fetch_one(connection).await?));
        if owned.await.map_err(|problem| problem.at(name))? {
            return Ok(());
        }
        Err(name.unusable(
            "can be rewritten only by the owner of its tables; run this as the user that runs \
             `tramonto store migrate`",
        ))
    }

    /// Rewrites the table of addresses without what was erased.
    pub(super) async fn rewrite(&self, name: &Name) -> Result<(), Error> {
        let rewritten = self.call(async |connection| {
            sqlx::raw_sql("VACUUM (FULL) directory.mailbox").execute(connection).await?;
            Ok(())
        });
        rewritten.await.map_err(|problem| problem.at(name))
    }

    /// Closes its connections. An unresponsive server is waited for no longer than for a
    /// connection, and closes what remains.
    pub(super) async fn close(self, name: &Name) {
        if timeout(self.waits.connect, self.connections.close()).await.is_err() {
            tracing::warn!(%name, "connections did not close in time");
        }
    }
}
