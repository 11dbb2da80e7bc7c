//! A log in a database: tasks that write, and a few connections that read.
//!
//! A queued write is carried out even if its caller is gone. Each read statement is a transaction
//! of its own: the log only grows and has no holes, so the head that is read first bounds what is
//! read next. Deliberately absent: opening a log, which is each database's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sql::{Connections, Reader, StoreName};
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::rules::Request;
use crate::session::Session;
use crate::writer::{Answer, Job, Writer};
use crate::{
    Append, Appended, Clock, Direction, Error, EventStore, Filter, Lease, Page, RecordedEvent,
    StreamName, measure, read,
};

/// The length of a write queue; callers beyond it wait, and can still cancel.
const QUEUE: usize = 256;

/// A log in a `SQLite` file or a `PostgreSQL` database. A clone is another handle on the same
/// connections, which close when the last handle is dropped.
#[derive(Debug, Clone)]
pub struct DatabaseStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: StoreName,
    readers: Readers,
    /// `None` where the store was opened for reading only.
    writers: Option<Writers>,
    tasks: Tasks,
    _stop_on_drop: DropGuard,
}

/// The connections that read.
#[derive(Debug)]
pub(crate) enum Readers {
    File(SqlitePool),
    Server(Connections),
}

/// The queues of the tasks that write.
#[derive(Debug)]
pub(crate) struct Writers {
    pub(crate) appends: mpsc::Sender<Job>,
    pub(crate) leases: mpsc::Sender<Job>,
}

/// The tasks of a store and the end of the log as they know it.
#[derive(Debug)]
pub(crate) struct Tasks {
    pub(crate) head: watch::Sender<u64>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// None yet, for a log that ends at `head`.
    pub(crate) fn new(head: u64) -> Self {
        let head = watch::Sender::new(head);
        Self { head, tracker: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Starts a task that carries out the jobs sent to it, until the store is closed.
    pub(crate) fn write(
        &self,
        session: impl Session,
        name: &StoreName,
        clock: &Arc<dyn Clock>,
    ) -> mpsc::Sender<Job> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (name, clock, head) = (name.clone(), Arc::clone(clock), self.head.clone());
        let writer = Writer { session, name, clock, head };
        self.tracker.spawn(writer.run(queue, self.stop.clone()));
        jobs
    }

    /// Starts a task that ends when the store is closed.
    pub(crate) fn watch(&self, watching: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(self.stop.clone().run_until_cancelled_owned(watching));
    }
}

impl Readers {
    fn reader(&self) -> Reader<'_> {
        match self {
            Self::File(pool) => Reader::Sqlite(pool),
            Self::Server(connections) => Reader::Postgres(connections),
        }
    }
}

/// The end of the log by its counter, which must agree with the last event.
pub(crate) fn agreed_head(counted: i64, last: i64, name: &StoreName) -> Result<u64, Error> {
    if counted != last {
        let problem = format_args!("its counter is at {counted}, but its last event is {last}");
        return Err(name.corrupt(problem).into());
    }
    u64::try_from(last).map_err(|error| name.corrupt(error).into())
}

impl DatabaseStore {
    pub(crate) fn new(
        name: StoreName,
        readers: Readers,
        writers: Option<Writers>,
        tasks: Tasks,
    ) -> Self {
        let guard = tasks.stop.clone().drop_guard();
        Self { inner: Arc::new(Inner { name, readers, writers, tasks, _stop_on_drop: guard }) }
    }

    /// Carries out the queued writes, then closes the connections. Later calls are
    /// [`sql::Error::Unavailable`].
    pub async fn close(&self) {
        let Inner { readers, tasks, .. } = &*self.inner;
        tasks.stop.cancel();
        tasks.tracker.close();
        tasks.tracker.wait().await;
        match readers {
            Readers::File(pool) => pool.close().await,
            Readers::Server(connections) => connections.close().await,
        }
    }

    fn writers(&self) -> Result<&Writers, Error> {
        self.inner.writers.as_ref().ok_or_else(|| Error::ReadOnly(self.inner.name.clone()))
    }

    /// Queues a job for a writer and waits for its answer.
    async fn submit<T>(
        &self,
        jobs: &mpsc::Sender<Job>,
        job: impl FnOnce(Answer<T>) -> Job,
    ) -> Result<T, Error> {
        let (sender, answer) = oneshot::channel();
        let closed = || self.error(sqlx::Error::PoolClosed);
        if jobs.send(job(sender)).await.is_err() {
            return Err(closed());
        }
        answer.await.unwrap_or_else(|_gone| Err(closed()))
    }

    fn reader(&self) -> Reader<'_> {
        self.inner.readers.reader()
    }

    fn error(&self, error: sqlx::Error) -> Error {
        Error::of(&self.inner.name, error)
    }
}

#[async_trait]
impl EventStore for DatabaseStore {
    async fn append(&self, append: Append) -> Result<Appended, Error> {
        let request = Request::new(append)?;
        let jobs = &self.writers()?.appends;
        let database = match self.inner.readers {
            Readers::File(_) => "sqlite",
            Readers::Server(_) => "postgres",
        };
        let append = |request| self.submit(jobs, |answer| Job::Append { request, answer });
        measure::append(database, request, append).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        let found = read::stream(self.reader(), stream, from, direction, limit).await;
        let found = found.map_err(|error| self.error(error))?;
        found.ok_or_else(|| Error::StreamNotFound(stream.to_string()))
    }

    async fn find(&self, id: Uuid) -> Result<Option<RecordedEvent>, Error> {
        read::find(self.reader(), id).await.map_err(|error| self.error(error))
    }

    async fn read_all(&self, after: u64, filter: &Filter, limit: usize) -> Result<Page, Error> {
        let head = self.head().await?;
        if after > head {
            return Err(Error::LogShorter { checkpoint: after, head });
        }
        if limit == 0 || after == head {
            return Ok(Page { events: Vec::new(), read_to: after, head });
        }
        let events = read::log(self.reader(), after, head, filter, limit).await;
        Ok(Page::of(events.map_err(|error| self.error(error))?, limit, head))
    }

    async fn head(&self) -> Result<u64, Error> {
        read::head(self.reader()).await.map_err(|error| self.error(error))
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.inner.tasks.head.subscribe()
    }

    async fn claim(
        &self,
        subscription: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, Error> {
        let (subscription, owner) = (subscription.to_owned(), owner.to_owned());
        let jobs = &self.writers()?.leases;
        self.submit(jobs, |answer| Job::Claim { subscription, owner, ttl, answer }).await
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), Error> {
        let (lease, jobs) = (lease.clone(), &self.writers()?.leases);
        self.submit(jobs, |answer| Job::Save { lease, position, answer }).await
    }
}
