//! Stops a part of the engine after any of its steps, as a crash would.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bus::{Backlog, Delivery, InProcess, WorkOrder, WorkQueue};
use domain::Capabilities;
use eventstore::{
    Append, Appended, Direction, EventStore, Filter, Lease, Page, RecordedEvent, StreamName,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Burns down with each step; then it blocks forever, like a dead process.
pub(crate) struct Fuse {
    steps: AtomicU64,
    length: u64,
    pub(crate) blown: CancellationToken,
}

impl Fuse {
    pub(crate) fn of(length: u64) -> Arc<Self> {
        Arc::new(Self { steps: AtomicU64::new(0), length, blown: CancellationToken::new() })
    }

    /// A step was made; after the last one nothing returns.
    pub(crate) async fn step(&self) {
        if self.steps.fetch_add(1, Ordering::SeqCst) + 1 >= self.length {
            self.blown.cancel();
            pending::<()>().await;
        }
    }
}

/// A log whose appends burn the fuse down.
pub(crate) struct StoppingLog {
    pub(crate) inner: Arc<dyn EventStore>,
    pub(crate) fuse: Arc<Fuse>,
}

#[async_trait]
impl EventStore for StoppingLog {
    async fn append(&self, append: Append) -> Result<Appended, eventstore::Error> {
        let appended = self.inner.append(append).await;
        self.fuse.step().await;
        appended
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, eventstore::Error> {
        self.inner.read_stream(stream, from, direction, limit).await
    }

    async fn read_all(
        &self,
        after: u64,
        filter: &Filter,
        limit: usize,
    ) -> Result<Page, eventstore::Error> {
        self.inner.read_all(after, filter, limit).await
    }

    async fn find(&self, id: uuid::Uuid) -> Result<Option<RecordedEvent>, eventstore::Error> {
        self.inner.find(id).await
    }

    async fn head(&self) -> Result<u64, eventstore::Error> {
        self.inner.head().await
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.inner.appended()
    }

    async fn claim(
        &self,
        subscription: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, eventstore::Error> {
        self.inner.claim(subscription, owner, ttl).await
    }

    async fn save_checkpoint(&self, lease: &Lease, at: u64) -> Result<(), eventstore::Error> {
        self.inner.save_checkpoint(lease, at).await
    }
}

/// A queue whose publications and acknowledgements burn the fuse down.
pub(crate) struct StoppingQueue {
    pub(crate) inner: InProcess,
    pub(crate) fuse: Arc<Fuse>,
}

#[async_trait]
impl WorkQueue for StoppingQueue {
    async fn publish(&self, order: WorkOrder) -> Result<(), bus::Error> {
        let published = self.inner.publish(order).await;
        self.fuse.step().await;
        published
    }

    async fn pull(&self, effects: Capabilities) -> Result<Box<dyn Delivery>, bus::Error> {
        let (inner, fuse) = (self.inner.pull(effects).await?, Arc::clone(&self.fuse));
        Ok(Box::new(StoppingDelivery { inner, fuse }))
    }

    async fn backlog(&self) -> Result<Backlog, bus::Error> {
        self.inner.backlog().await
    }

    fn close(&self) {
        self.inner.close();
    }
}

struct StoppingDelivery {
    inner: Box<dyn Delivery>,
    fuse: Arc<Fuse>,
}

#[async_trait]
impl Delivery for StoppingDelivery {
    fn order(&self) -> &WorkOrder {
        self.inner.order()
    }

    fn count(&self) -> u32 {
        self.inner.count()
    }

    async fn ack(self: Box<Self>) -> Result<(), bus::Error> {
        let acknowledged = self.inner.ack().await;
        self.fuse.step().await;
        acknowledged
    }

    async fn nak(self: Box<Self>, delay: Duration) -> Result<(), bus::Error> {
        self.inner.nak(delay).await
    }
}
