use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{Append, Appended, Error, RecordedEvent, StreamName};

/// The direction in which a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the given version towards the newest.
    Forwards,
    /// From the given version towards the oldest.
    Backwards,
}

/// A selection of events of the whole log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only streams of these categories; empty for all.
    pub categories: Vec<String>,
}

impl Filter {
    /// Whether the filter selects this stream.
    pub fn takes(&self, stream: &StreamName) -> bool {
        self.categories.is_empty() || self.categories.iter().any(|name| name == stream.category())
    }
}

/// A page of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// The events, by ascending position.
    pub events: Vec<RecordedEvent>,
    /// How far the log was read: the next page starts after it. It advances even where the filter
    /// selected nothing, so that the checkpoint of a filtered reader does too.
    pub read_to: u64,
    /// The log's last position when the page was read; `head - read_to` is the lag.
    pub head: u64,
}

impl Page {
    /// The page of at most `limit` (over 0) events found in the log up to `head`.
    pub(crate) fn of(events: Vec<RecordedEvent>, limit: usize, head: u64) -> Self {
        let full = events.len() >= limit;
        let last = events.last().map(|event| event.position).filter(|_| full);
        Self { read_to: last.unwrap_or(head), events, head }
    }
}

/// A lease on one subscription: the right to move its checkpoint, held by one process at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The subscription.
    pub subscription: String,
    /// The fencing token: it grows with every change of owner, and a write with an older one is
    /// rejected.
    pub token: u64,
    /// Where the subscription stood when the lease was granted.
    pub checkpoint: u64,
}

/// The event log.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Writes events, all or none, if every expected version holds. A repeated append (or a part of
    /// its start or end) returns the positions of the first and writes nothing.
    async fn append(&self, append: Append) -> Result<Appended, Error>;

    /// Reads a stream from `from` (inclusive) for at most `limit` events. Beyond its end: empty.
    /// Backwards, a `from` beyond the end starts at the last event. A stream never written to is
    /// [`Error::StreamNotFound`].
    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error>;

    /// Reads the whole log after `after`, at most `limit` events. An `after` beyond the head is
    /// [`Error::LogShorter`]: the log was restored from a backup older than the reader.
    async fn read_all(&self, after: u64, filter: &Filter, limit: usize) -> Result<Page, Error>;

    /// The event of an id, whatever its stream; `None` where the log has none of it.
    async fn find(&self, id: Uuid) -> Result<Option<RecordedEvent>, Error>;

    /// The last position; 0 for an empty log.
    async fn head(&self) -> Result<u64, Error>;

    /// Watches for appends: the receiver wakes when the head may have moved, at once for appends of
    /// this process and soon for those of another (each adapter defines how soon). It is a hint:
    /// read the log.
    fn appended(&self) -> watch::Receiver<u64>;

    /// Claims or renews a subscription's lease for `owner`; `None` while another owner's lease has
    /// not expired. An owner's name must be unique to its process: the same name is the same owner.
    async fn claim(
        &self,
        subscription: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, Error>;

    /// Moves a subscription's checkpoint. A lease that another owner has taken over is
    /// [`Error::Fenced`]; a position beyond the head is [`Error::LogShorter`].
    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), Error>;
}
