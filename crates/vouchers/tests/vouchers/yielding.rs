//! A log in memory that yields before and after each append, so that a writer can be killed at
//! either moment: before the append, or after it and before the answer.

use std::time::Duration;

use async_trait::async_trait;
use eventstore::{
    Append, Appended, Direction, Error, EventStore, Filter, Lease, MemoryStore, Page,
    RecordedEvent, StreamName,
};
use tokio::sync::watch;

pub(crate) struct Yielding(pub(crate) MemoryStore);

#[async_trait]
impl EventStore for Yielding {
    async fn append(&self, append: Append) -> Result<Appended, Error> {
        tokio::task::yield_now().await;
        let appended = self.0.append(append).await;
        tokio::task::yield_now().await;
        appended
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        self.0.read_stream(stream, from, direction, limit).await
    }

    async fn read_all(&self, after: u64, filter: &Filter, limit: usize) -> Result<Page, Error> {
        self.0.read_all(after, filter, limit).await
    }

    async fn find(&self, id: uuid::Uuid) -> Result<Option<RecordedEvent>, Error> {
        self.0.find(id).await
    }

    async fn head(&self) -> Result<u64, Error> {
        self.0.head().await
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.0.appended()
    }

    async fn claim(
        &self,
        subscription: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, Error> {
        self.0.claim(subscription, owner, ttl).await
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), Error> {
        self.0.save_checkpoint(lease, position).await
    }
}
