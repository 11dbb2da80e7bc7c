//! A log in the schema `tramonto` of a `PostgreSQL` database, which many processes share.
//!
//! One counter row assigns the positions. An append locks it first and holds it to its commit, so
//! commit order is position order and a reader needs only `position > checkpoint`. One connection
//! of the process appends, one moves leases, a few read. Every wait has a bound, so a server that
//! is stopped, cut off or restarted is [`sql::Error::Unavailable`] for a while and never a call
//! without end. The outcome of an append whose connection was lost is unknown: repeating it with
//! the same event ids is safe. Deliberately absent: changing tables when a store is opened, and
//! changing or deleting an event, which triggers reject. Connect to the server itself or through a
//! pooler in session mode: the adapter uses LISTEN and session settings.

mod listen;
mod session;

use std::sync::Arc;
use std::time::Duration;

use sql::{Connections, Migration, Schema, StoreName, within};
use sqlx::postgres::PgConnectOptions;

use crate::store::{Readers, Tasks, Writers, agreed_head};
use crate::{Clock, DatabaseStore, Error};
use session::ServerSession;

/// The tables of the log.
const LOG: Schema =
    Schema { name: "tramonto", steps: &[("log", include_str!("../migrations/0001_log.sql"))] };

/// The longest wait for one step of the server: many times what the largest takes on a slow
/// machine.
const STEP: Duration = Duration::from_secs(10);
/// How many connections read in one process; all processes share some hundred.
const READERS: usize = 4;

/// What the server enforces by itself if this side no longer can: nobody waits for another's lock
/// for longer, or holds one while idle for longer.
const LIMITS: [(&str, &str); 3] = [
    ("lock_timeout", "8s"),
    ("statement_timeout", "60s"),
    ("idle_in_transaction_session_timeout", "5s"),
];

/// The oldest server whose session settings the adapter needs: `client_connection_check_interval`.
const OLDEST_SERVER: i32 = 140_000;

impl DatabaseStore {
    /// Opens the log of a database. Its tables must be those that this program knows: see
    /// [`DatabaseStore::migrate`]. Times of recording come from `clock` but never go back.
    pub async fn connect(options: PgConnectOptions, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let name = StoreName::server(&options);
        let options = sql::session(options).options(LIMITS);
        let readers = Connections::new(options.clone(), READERS, STEP);
        let tasks = Tasks::new(checked_head(&readers, &name).await?);
        let writer = || tasks.write(ServerSession::new(options.clone()), &name, &clock);
        let writers = Writers { appends: writer(), leases: writer() };
        tasks.watch(listen::run(options, tasks.head.clone()));
        Ok(Self::new(name, Readers::Server(readers), Some(writers), tasks))
    }

    /// Makes the tables of the log, or brings them up to date, and returns the steps that were
    /// missing; with `dry`, it only returns them.
    pub async fn migrate(options: PgConnectOptions, dry: bool) -> Result<Vec<Migration>, Error> {
        Ok(LOG.migrate(options, dry).await?)
    }
}

/// Makes the cheap checks of a store: the server, the tables, and that the counter agrees with the
/// events. Returns the head.
async fn checked_head(readers: &Connections, name: &StoreName) -> Result<u64, Error> {
    const SERVER: &str = "SELECT current_setting('server_version_num')::int, \
                          current_setting('server_encoding')";
    const CHECK: &str = "SELECT position, (SELECT coalesce(max(position), 0) FROM tramonto.event) \
                         FROM tramonto.log_head";
    let fault = |error| Error::of(name, error);
    let mut lent = readers.lend().await.map_err(fault)?;
    let server = sqlx::query_as(SERVER).fetch_one(&mut lent.connection);
    let (version, encoding): (i32, String) = within(STEP, server).await.map_err(fault)?;
    if version < OLDEST_SERVER {
        return Err(name.rejected("PostgreSQL is older than 14; use a newer server").into());
    }
    if encoding != "UTF8" {
        return Err(name
            .rejected(format!(
                "the database has the encoding {encoding}; create one with the encoding UTF8"
            ))
            .into());
    }
    LOG.check(&mut lent.connection, name).await?;
    let check = sqlx::query_as(CHECK).fetch_one(&mut lent.connection);
    let (counted, last): (i64, i64) = within(STEP, check).await.map_err(fault)?;
    lent.give_back();
    agreed_head(counted, last, name)
}
