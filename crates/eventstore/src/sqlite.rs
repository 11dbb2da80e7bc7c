//! The `SQLite` adapter: a log in one file, in write-ahead mode, flushed to the disk on every commit.
//!
//! One connection writes, owned by one task, and a write that was queued is carried out even if whoever
//! asked for it is gone. Several read-only connections read, each statement a transaction of its own:
//! the log only grows and has no holes, so the head read first bounds what is read next. Other processes
//! may write to the same file. Deliberately absent: changing or deleting an event, which triggers refuse.

mod fault;
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
use sqlx::SqlitePool;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::head::tell;
use crate::rules::Request;
use crate::{
    Append, Appended, Clock, Direction, Error, EventStore, Filter, Lease, Page, RecordedEvent,
    StreamName, measure,
};
use fault::Place;
use writer::{Job, Writer};

/// How often the log is looked at for appends of other processes.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How many writes may wait; who comes later waits to be let in, and can still give up.
const QUEUE: usize = 256;

/// A log in one `SQLite` file. A clone is another handle on the same connections, which close when the
/// last handle is dropped.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    readers: SqlitePool,
    /// `None` where the store was opened for reading only.
    jobs: Option<mpsc::Sender<Job>>,
    head: watch::Sender<u64>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl SqliteStore {
    /// Opens the store in the file at `path`, which is made if it does not exist. Times of recording
    /// come from `clock` but never go back: an append counts as recorded no earlier than the one
    /// before it. Must be called inside a tokio runtime.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let place = Place::new(path);
        open::prepare(path, &place, true).await?;
        let connection = open::writing(path, &place).await?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let store = Self::start(path, place, Some(jobs)).await?;
        let inner = &store.inner;
        let writer = Writer::new(connection, inner.place.clone(), clock, inner.head.clone());
        let writer = writer.run(queue, inner.stop.clone(), inner.readers.clone());
        inner.tasks.spawn(writer);
        Ok(store)
    }

    /// Opens an existing store for reading, while another process may write to it. It takes no lock
    /// that a writer waits for. What would write answers [`Error::ReadOnly`], and so needs no clock.
    pub async fn open_read_only(path: &Path, _clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let place = Place::new(path);
        open::prepare(path, &place, false).await?;
        Self::start(path, place, None).await
    }

    /// Carries out what is queued, then closes the file. Later calls are [`Error::Unavailable`].
    pub async fn close(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
        self.inner.readers.close().await;
    }

    async fn start(
        path: &Path,
        place: Place,
        jobs: Option<mpsc::Sender<Job>>,
    ) -> Result<Self, Error> {
        let readers = open::readers(path, &place).await?;
        let head = open::checked_head(&readers, &place, jobs.is_some()).await?;
        let head = watch::Sender::new(head);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let looking = look(readers.clone(), head.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(looking));
        let inner = Inner {
            place,
            readers,
            jobs,
            head,
            tasks,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Hands a job to the writer and waits for its answer.
    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Job,
    ) -> Result<T, Error> {
        let Some(jobs) = &self.inner.jobs else {
            return Err(Error::ReadOnly { place: self.inner.place.to_string() });
        };
        let (sender, answer) = oneshot::channel();
        let closed = || self.inner.place.fault(sqlx::Error::PoolClosed);
        if jobs.send(job(sender)).await.is_err() {
            return Err(closed());
        }
        answer.await.unwrap_or_else(|_gone| Err(closed()))
    }
}

/// Tells of appends made by other processes. What goes wrong here goes wrong for the reader too, who
/// reports it.
async fn look(readers: SqlitePool, head: watch::Sender<u64>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if head.receiver_count() == 0 {
            continue;
        }
        match read::head(&readers).await {
            Ok(found) => tell(&head, found),
            Err(error) => tracing::debug!(%error, "could not look for appends of other processes"),
        }
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    async fn append(&self, append: Append) -> Result<Appended, Error> {
        let request = Request::new(append)?;
        let append = |request| self.ask(|answer| Job::Append { request, answer });
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
        match found.map_err(|error| self.inner.place.fault(error))? {
            Some(events) => Ok(events),
            None => Err(Error::StreamNotFound(stream.to_string())),
        }
    }

    async fn find(&self, id: Uuid) -> Result<Option<RecordedEvent>, Error> {
        read::one(&self.inner.readers, id).await.map_err(|error| self.inner.place.fault(error))
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
        Ok(Page::of(events.map_err(|error| self.inner.place.fault(error))?, limit, head))
    }

    async fn head(&self) -> Result<u64, Error> {
        read::head(&self.inner.readers).await.map_err(|error| self.inner.place.fault(error))
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
        self.ask(|answer| Job::Claim { subscription, owner, ttl, answer }).await
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), Error> {
        let lease = lease.clone();
        self.ask(|answer| Job::Save { lease, position, answer }).await
    }
}
