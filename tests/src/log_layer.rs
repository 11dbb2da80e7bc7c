//! A log over another one: a test replaces the calls that it is about, the others pass through.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventstore::{
    Append, Appended, Direction, Error, EventStore, Filter, Lease, Page, RecordedEvent, StreamName,
};
use tokio::sync::watch;
use uuid::Uuid;

/// The calls that a test replaces.
#[async_trait]
pub(crate) trait LogLayer: Send + Sync {
    /// The log beneath.
    fn log(&self) -> Arc<dyn EventStore>;

    /// Whether a call passes at all.
    fn passes(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn append(&self, append: Append) -> Result<Appended, Error> {
        self.log().append(append).await
    }

    async fn read_all(&self, after: u64, filter: &Filter, limit: usize) -> Result<Page, Error> {
        self.log().read_all(after, filter, limit).await
    }
}

/// A layer as a log.
pub(crate) struct Layered<T>(pub(crate) T);

impl<T> Deref for Layered<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[async_trait]
impl<T: LogLayer> EventStore for Layered<T> {
    async fn append(&self, append: Append) -> Result<Appended, Error> {
        self.passes()?;
        LogLayer::append(&self.0, append).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        self.passes()?;
        self.log().read_stream(stream, from, direction, limit).await
    }

    async fn read_all(&self, after: u64, filter: &Filter, limit: usize) -> Result<Page, Error> {
        self.passes()?;
        LogLayer::read_all(&self.0, after, filter, limit).await
    }

    async fn find(&self, id: Uuid) -> Result<Option<RecordedEvent>, Error> {
        self.passes()?;
        self.log().find(id).await
    }

    async fn head(&self) -> Result<u64, Error> {
        self.passes()?;
        self.log().head().await
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.log().appended()
    }

    async fn claim(&self, name: &str, owner: &str, ttl: Duration) -> Result<Option<Lease>, Error> {
        self.passes()?;
        self.log().claim(name, owner, ttl).await
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), Error> {
        self.passes()?;
        self.log().save_checkpoint(lease, position).await
    }
}
