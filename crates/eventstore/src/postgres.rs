//! The `PostgreSQL` adapter: a log that many processes share.
//!
//! One counter row gives the positions. An append locks it first and holds it to its commit, so commit
//! order is position order and a reader needs no more than `position > checkpoint`. One connection of
//! the process writes, owned by one task, and a write that was queued is carried out even if whoever
//! asked for it is gone; a few others read. Every wait has a bound, so a server that is stopped, cut off
//! or started anew is [`Error::Unavailable`] for a while and never a call without end. The outcome of an
//! append whose connection was lost is unknown: sending the same events with the same ids again is safe.
//! Deliberately absent: making or changing tables when opened, and changing or deleting an event, which
//! triggers refuse. Connect to the server itself or through a pooler in session mode: the adapter listens
//! and sets bounds for its sessions.

mod connections;
mod distrust;
mod fault;
mod listen;
mod names;
mod read;
mod schema;
mod subscription;
mod transaction;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
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
use connections::{Connections, STEP, within};
use fault::Place;
use writer::{Job, Writer};

pub use distrust::distrust;
pub use schema::{Migration, MigrationState};

/// How many writes may wait; who comes later waits to be let in, and can still give up.
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
    place: Place,
    clock: ClockOf,
    readers: Connections,
    jobs: mpsc::Sender<Job>,
    head: watch::Sender<u64>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

/// A clock that says no more of itself than that it is one.
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
        let place = Place::new(&options);
        let options = connections::with_bounds(options);
        let readers = Connections::new(options.clone());
        let head = checked_head(&readers, &place).await?;
        let head = watch::Sender::new(head);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writer = Writer::new(options.clone(), place.clone(), Arc::clone(&clock), head.clone());
        tasks.spawn(writer.run(queue, stop.clone()));
        let listening = listen::run(options, head.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(listening));
        let inner = Inner {
            place,
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

    /// Makes the tables of the log, or brings them to what this program knows; `dry` only tells what is
    /// missing. Two at once do no harm.
    pub async fn migrate(options: PgConnectOptions, dry: bool) -> Result<Vec<Migration>, Error> {
        schema::LOG.migrate(options, dry).await
    }

    /// Saves a checkpoint inside a transaction of the caller's own, on a connection to the same
    /// database, so that the rows made of the events and the checkpoint move together. The lease's
    /// row stays locked until that transaction ends: nobody takes over in between. After an error the
    /// transaction must be rolled back.
    pub async fn save_checkpoint_within(
        connection: &mut PgConnection,
        lease: &Lease,
        position: u64,
    ) -> Result<(), Error> {
        let place = Place::named("the database of the projection");
        let saved = subscription::save(connection, lease, position).await;
        saved.map_err(|error| place.fault(error))?.told(lease, position)
    }

    /// Carries out what is queued, then closes the connections. Later calls are
    /// [`Error::Unavailable`].
    pub async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.readers.close().await;
    }

    /// Hands an append to the writer and waits for its answer.
    async fn queue(&self, request: Request) -> Result<Appended, Error> {
        let (answer, answered) = oneshot::channel();
        let closed = || self.inner.place.fault(sqlx::Error::PoolClosed);
        if self.inner.jobs.send(Job { request, answer }).await.is_err() {
            return Err(closed());
        }
        answered.await.unwrap_or_else(|_gone| Err(closed()))
    }

    /// What a failure means.
    fn told<T>(&self, outcome: Result<T, sqlx::Error>) -> Result<T, Error> {
        outcome.map_err(|error| self.inner.place.fault(error))
    }

    /// Carries out work in a task of its own, since its caller may give up in the middle of it.
    async fn owned<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, sqlx::Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let done = self.inner.tasks.spawn(work).await;
        self.told(done.unwrap_or(Err(sqlx::Error::WorkerCrashed)))
    }
}

/// What is cheap to check of a store: the server, the tables, and that the counter agrees with the
/// events. Returns the head.
async fn checked_head(readers: &Connections, place: &Place) -> Result<u64, Error> {
    const SERVER: &str = "SELECT current_setting('server_version_num')::int, \
                          current_setting('server_encoding')";
    const CHECK: &str = "SELECT position, (SELECT coalesce(max(position), 0) FROM tramonto.event) \
                         FROM tramonto.log_head";
    let fault = |error| place.fault(error);
    let mut lent = readers.lend().await.map_err(fault)?;
    let server = sqlx::query_as(SERVER).fetch_one(&mut lent.connection);
    let (version, encoding): (i32, String) = within(STEP, server).await.map_err(fault)?;
    if version < OLDEST_SERVER {
        return Err(place.unusable("PostgreSQL is older than 14; use a newer server"));
    }
    if encoding != "UTF8" {
        return Err(place.unusable(format!(
            "the database has the encoding {encoding}; create one with the encoding UTF8"
        )));
    }
    schema::LOG.checked(&mut lent.connection, place).await?;
    let check = sqlx::query_as(CHECK).fetch_one(&mut lent.connection);
    let (counted, last): (i64, i64) = within(STEP, check).await.map_err(fault)?;
    lent.give_back();
    if counted != last {
        return Err(place.corrupt(format_args!(
            "its counter says that the log ends at {counted}, but the last event is {last}"
        )));
    }
    u64::try_from(last).map_err(|error| place.corrupt(error))
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
        let mut lent = self.told(self.inner.readers.lend().await)?;
        let found = read::stream(&mut lent.connection, stream, from, direction, limit).await;
        let found = self.told(found)?;
        lent.give_back();
        found.ok_or_else(|| Error::StreamNotFound(stream.to_string()))
    }

    async fn find(&self, id: Uuid) -> Result<Option<RecordedEvent>, Error> {
        let mut lent = self.told(self.inner.readers.lend().await)?;
        let found = self.told(read::one(&mut lent.connection, id).await)?;
        lent.give_back();
        Ok(found)
    }

    async fn read_all(&self, after: u64, filter: &Filter, limit: usize) -> Result<Page, Error> {
        let mut lent = self.told(self.inner.readers.lend().await)?;
        let head = self.told(read::head(&mut lent.connection).await)?;
        if after > head {
            lent.give_back();
            return Err(Error::LogShorter { checkpoint: after, head });
        }
        if limit == 0 || after == head {
            lent.give_back();
            return Ok(Page { events: Vec::new(), read_to: after, head });
        }
        let events = read::log(&mut lent.connection, after, head, filter, limit).await;
        let events = self.told(events)?;
        lent.give_back();
        Ok(Page::of(events, limit, head))
    }

    async fn head(&self) -> Result<u64, Error> {
        let mut lent = self.told(self.inner.readers.lend().await)?;
        let head = self.told(read::head(&mut lent.connection).await)?;
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
        self.owned(claimed).await
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), Error> {
        let (kept, inner) = (lease.clone(), Arc::clone(&self.inner));
        let saved = async move {
            let mut lent = inner.readers.lend().await?;
            let saved = subscription::save(&mut lent.connection, &kept, position).await?;
            lent.give_back();
            Ok(saved)
        };
        self.owned(saved).await?.told(lease, position)
    }
}
