//! The `PostgreSQL` adapter: a log that many processes share.
//!
//! One counter row assigns the positions. An append locks it first and holds it to its commit, so
//! commit order is position order and a reader needs only `position > checkpoint`. One connection
//! of the process writes, owned by one task, and a queued write is carried out even if its caller
//! is gone; a few others read. Every wait has a bound, so a server that is stopped, cut off or
//! restarted is [`sql::Error::Unavailable`] for a while and never a call without end. The outcome
//! of an append whose connection was lost is unknown: repeating it with the same event ids is safe.
//! Deliberately absent: changing tables when a store is opened, and changing or deleting an event,
//! which triggers reject. Connect to the server itself or through a pooler in session mode: the
//! adapter uses LISTEN and session settings.

mod listen;
mod names;
mod read;
mod subscription;
mod transaction;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sql::{Connections, Migration, Schema, StoreName, within};
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::rules::Request;
use crate::{
    Append, Appended, Clock, Direction, Error, EventStore, Filter, Lease, Page, RecordedEvent,
    StreamName, measure,
};
use writer::{Job, Writer};

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

/// The length of the write queue; callers beyond it wait, and can still cancel.
const QUEUE: usize = 256;

/// The oldest server whose session settings the adapter needs: `client_connection_check_interval`.
const OLDEST_SERVER: i32 = 140_000;

/// A log in the schema `tramonto` of a `PostgreSQL` database. A clone is another handle on the same
/// connections, which close when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: StoreName,
    clock: ClockOf,
    readers: Connections,
    jobs: mpsc::Sender<Job>,
    head: watch::Sender<u64>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

/// A clock with a `Debug` form.
struct ClockOf(Arc<dyn Clock>);

impl std::fmt::Debug for ClockOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

impl PostgresStore {
    /// Opens the log of a database. Its tables must be those that this program knows: see
    /// [`PostgresStore::migrate`]. Times of recording come from `clock` but never go back.
    pub async fn connect(options: PgConnectOptions, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let name = StoreName::server(&options);
        let options = sql::session(options).options(LIMITS);
        let readers = Connections::new(options.clone(), READERS);
        let head = checked_head(&readers, &name).await?;
        let head = watch::Sender::new(head);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = Writer::new(options.clone(), name.clone(), Arc::clone(&clock), head.clone());
        tasks.spawn(writer.run(queue, stop.clone()));
        let listening = listen::run(options, head.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(listening));
        let inner = Inner {
            name,
            clock: ClockOf(clock),
            readers,
            jobs,
            head,
            tasks,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes the tables of the log, or brings them up to date, and returns the steps that were
    /// missing; with `dry`, it only returns them.
    pub async fn migrate(options: PgConnectOptions, dry: bool) -> Result<Vec<Migration>, Error> {
        Ok(LOG.migrate(options, dry).await?)
    }

    /// Saves a checkpoint inside the caller's transaction, on a connection to the same database, so
    /// that the reader's rows and its checkpoint move together. The lease's row stays locked until
    /// that transaction ends: nobody takes over in between. After an error the transaction must be
    /// rolled back.
    pub async fn save_checkpoint_within(
        connection: &mut PgConnection,
        lease: &Lease,
        position: u64,
    ) -> Result<(), Error> {
        let name = StoreName::named("the database of the projection");
        let saved = subscription::save(connection, lease, position).await;
        saved.map_err(|error| Error::of(&name, error))?.into_result(lease, position)
    }

    /// Carries out the queued writes, then closes the connections. Later calls are
    /// [`sql::Error::Unavailable`].
    pub async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.readers.close().await;
    }

    /// Queues an append for the writer and waits for its answer.
    async fn queue(&self, request: Request) -> Result<Appended, Error> {
        let (answer, answered) = oneshot::channel();
        let closed = || Error::of(&self.inner.name, sqlx::Error::PoolClosed);
        if self.inner.jobs.send(Job { request, answer }).await.is_err() {
            return Err(closed());
        }
        answered.await.unwrap_or_else(|_gone| Err(closed()))
    }

    /// Turns the database's error into the store's.
    fn checked<T>(&self, outcome: Result<T, sqlx::Error>) -> Result<T, Error> {
        outcome.map_err(|error| Error::of(&self.inner.name, error))
    }

    /// Carries out work in a task of its own, since its caller may be cancelled in the middle of
    /// it.
    async fn in_task<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, sqlx::Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let done = self.inner.tasks.spawn(work).await;
        self.checked(done.unwrap_or(Err(sqlx::Error::WorkerCrashed)))
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
    if counted != last {
        return Err(name
            .corrupt(format_args!(
                "its counter ends the log at {counted}, but the last event is {last}"
            ))
            .into());
    }
    u64::try_from(last).map_err(|error| name.corrupt(error).into())
}

#[async_trait]
impl EventStore for PostgresStore {
    async fn append(&self, append: Append) -> Result<Appended, Error> {
        let request = Request::new(append)?;
        measure::append("postgres", request, |request| self.queue(request)).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        let mut lent = self.checked(self.inner.readers.lend().await)?;
        let found = read::stream(&mut lent.connection, stream, from, direction, limit).await;
        let found = self.checked(found)?;
        lent.give_back();
        found.ok_or_else(|| Error::StreamNotFound(stream.to_string()))
    }

    async fn find(&self, id: Uuid) -> Result<Option<RecordedEvent>, Error> {
        let mut lent = self.checked(self.inner.readers.lend().await)?;
        let found = self.checked(read::one(&mut lent.connection, id).await)?;
        lent.give_back();
        Ok(found)
    }

    async fn read_all(&self, after: u64, filter: &Filter, limit: usize) -> Result<Page, Error> {
        let mut lent = self.checked(self.inner.readers.lend().await)?;
        let head = self.checked(read::head(&mut lent.connection).await)?;
        if after > head {
            lent.give_back();
            return Err(Error::LogShorter { checkpoint: after, head });
        }
        if limit == 0 || after == head {
            lent.give_back();
            return Ok(Page { events: Vec::new(), read_to: after, head });
        }
        let events = read::log(&mut lent.connection, after, head, filter, limit).await;
        let events = self.checked(events)?;
        lent.give_back();
        Ok(Page::of(events, limit, head))
    }

    async fn head(&self) -> Result<u64, Error> {
        let mut lent = self.checked(self.inner.readers.lend().await)?;
        let head = self.checked(read::head(&mut lent.connection).await)?;
        lent.give_back();
        Ok(head)
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.inner.head.subscribe()
    }

    async fn claim(
        &self,
        subscription: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, Error> {
        let (subscription, owner) = (subscription.to_owned(), owner.to_owned());
        let (inner, now) = (Arc::clone(&self.inner), self.inner.clock.0.now());
        let claimed = async move {
            let mut lent = inner.readers.lend().await?;
            let connection = &mut lent.connection;
            let claimed = subscription::claim(connection, &subscription, &owner, now, ttl).await?;
            lent.give_back();
            Ok(claimed)
        };
        self.in_task(claimed).await
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), Error> {
        let (kept, inner) = (lease.clone(), Arc::clone(&self.inner));
        let saved = async move {
            let mut lent = inner.readers.lend().await?;
            let saved = subscription::save(&mut lent.connection, &kept, position).await?;
            lent.give_back();
            Ok(saved)
        };
        self.in_task(saved).await?.into_result(lease, position)
    }
}
