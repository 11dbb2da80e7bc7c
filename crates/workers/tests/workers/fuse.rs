//! Stops a part of the engine after any of its steps, as a crash would.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bus::{Backlog, Delivery, InProcess, WorkOrder, WorkQueue};
use domain::Capabilities;
use eventstore::{Append, Appended, EventStore};
use tokio_util::sync::CancellationToken;

#[path = "../../../../tests/src/log_layer.rs"]
pub(crate) mod log_layer;

use log_layer::{Layered, LogLayer};

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
    log: Arc<dyn EventStore>,
    fuse: Arc<Fuse>,
}

impl StoppingLog {
    pub(crate) fn over(log: Arc<dyn EventStore>, fuse: &Arc<Fuse>) -> Arc<dyn EventStore> {
        Arc::new(Layered(Self { log, fuse: Arc::clone(fuse) }))
    }
}

#[async_trait]
impl LogLayer for StoppingLog {
    fn log(&self) -> Arc<dyn EventStore> {
        Arc::clone(&self.log)
    }

    async fn append(&self, append: Append) -> Result<Appended, eventstore::Error> {
        let appended = self.log.append(append).await;
        self.fuse.step().await;
        appended
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
