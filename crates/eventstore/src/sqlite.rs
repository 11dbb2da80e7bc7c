//! The `SQLite` adapter: a log in one file, in write-ahead mode, flushed to the disk on every
//! commit.
//!
//! One connection writes, owned by one task, and a queued write is carried out even if its caller
//! is gone. Several read-only connections read, each statement a transaction of its own: the log
//! only grows and has no holes, so the head that is read first bounds what is read next. Other
//! processes may write to the same file. Deliberately absent: changing or deleting an event, which
//! triggers reject.

#[cfg(test)]
mod full_disk;
mod names;
mod open;
mod read;
mod schema;
mod statements;
mod subscription;
mod transaction;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sql::StoreName;
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::head::advance;
use crate::rules::Request;
use crate::{
    Append, Appended, Clock, Direction, Error, EventStore, Filter, Lease, Page, RecordedEvent,
    StreamName, measure,
};
use writer::{Job, Writer};

/// How often the log is polled for appends of other processes.
const POLL_EVERY: Duration = Duration::from_millis(100);
/// The length of the write queue; callers beyond it wait, and can still cancel.
const QUEUE: usize = 256;

/// A log in one `SQLite` file. A clone is another handle on the same connections, which close when
/// the last handle is dropped.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: StoreName,
    readers: SqlitePool,
    /// `None` where the store was opened for reading only.
    jobs: Option<mpsc::Sender<Job>>,
    head: watch::Sender<u64>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl SqliteStore {
    /// Opens the store in the file at `path`, which is made if it does not exist. Times of
    /// recording come from `clock` but never go back: an append is recorded no earlier than the one
    /// before it. Must be called inside a tokio runtime.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let name = StoreName::file(path);
        open::prepare(path, &name, true).await?;
        let connection = open::writing(path, &name).await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let store = Self::start(path, name, Some(jobs)).await?;
        let inner = &store.inner;
        let writer = Writer::new(connection, inner.name.clone(), clock, inner.head.clone());
        let writer = writer.run(queue, inner.stop.clone(), inner.readers.clone());
        inner.tasks.spawn(writer);
        Ok(store)
    }

    /// Opens an existing store for reading while another process may write to it. It takes no lock
    /// that a writer waits for. Writing is [`Error::ReadOnly`], and so the clock is not used.
    pub async fn open_read_only(path: &Path, _clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let name = StoreName::file(path);
        open::prepare(path, &name, false).await?;
        Self::start(path, name, None).await
    }

    /// Carries out the queued writes, then closes the file. Later calls are
    /// [`sql::Error::Unavailable`].
    pub async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.readers.close().await;
    }

    async fn start(
        path: &Path,
        name: StoreName,
        jobs: Option<mpsc::Sender<Job>>,
    ) -> Result<Self, Error> {
        let readers = open::readers(path, &name).await?;
        let head = open::checked_head(&readers, &name, jobs.is_some()).await?;
        let head = watch::Sender::new(head);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let polling = poll(readers.clone(), head.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(polling));
        let inner = Inner {
            name,
            readers,
            jobs,
            head,
            tasks,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Queues a job for the writer and waits for its answer.
    async fn submit<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Job,
    ) -> Result<T, Error> {
        let Some(jobs) = &self.inner.jobs else {
            return Err(Error::ReadOnly(self.inner.name.clone()));
        };
        let (sender, answer) = oneshot::channel();
        let closed = || Error::of(&self.inner.name, sqlx::Error::PoolClosed);
        if jobs.send(job(sender)).await.is_err() {
            return Err(closed());
        }
        answer.await.unwrap_or_else(|_gone| Err(closed()))
    }
}

/// Notices appends of other processes. A failure here fails for the reader too, which reports it.
async fn poll(readers: SqlitePool, head: watch::Sender<u64>) {
    let mut ticks = tokio::time::interval(POLL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if head.receiver_count() == 0 {
            continue;
        }
        match read::head(&readers).await {
            Ok(found) => advance(&head, found),
            Err(error) => tracing::debug!(%error, "could not poll for appends of other processes"),
        }
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    async fn append(&self, append: Append) -> Result<Appended, Error> {
        let request = Request::new(append)?;
        let append = |request| self.submit(|answer| Job::Append { request, answer });
        measure::append("sqlite", request, append).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        let found = read::stream(&self.inner.readers, stream, from, direction, limit).await;
        match found.map_err(|error| Error::of(&self.inner.name, error))? {
            Some(events) => Ok(events),
            None => Err(Error::StreamNotFound(stream.to_string())),
        }
    }

    async fn find(&self, id: Uuid) -> Result<Option<RecordedEvent>, Error> {
        read::one(&self.inner.readers, id).await.map_err(|error| Error::of(&self.inner.name, error))
    }

    async fn read_all(&self, after: u64, filter: &Filter, limit: usize) -> Result<Page, Error> {
        let head = self.head().await?;
        if after > head {
            return Err(Error::LogShorter { checkpoint: after, head });
        }
        if limit == 0 {
            return Ok(Page { events: Vec::new(), read_to: after, head });
        }
        let events = read::log(&self.inner.readers, after, head, filter, limit).await;
        Ok(Page::of(events.map_err(|error| Error::of(&self.inner.name, error))?, limit, head))
    }

    async fn head(&self) -> Result<u64, Error> {
        read::head(&self.inner.readers).await.map_err(|error| Error::of(&self.inner.name, error))
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
        self.submit(|answer| Job::Claim { subscription, owner, ttl, answer }).await
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), Error> {
        let lease = lease.clone();
        self.submit(|answer| Job::Save { lease, position, answer }).await
    }
}
