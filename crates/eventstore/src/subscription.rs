//! Subscriptions: the log from a checkpoint on, first catching up, then live.
//!
//! There is no switch between the two: every event is read from the log by position, and a
//! notification of an append only says when to read. The watch is registered before the first read,
//! and the log is polled without notifications too. Deliberately absent: the checkpoint, which the
//! reader moves in the transaction of its own rows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::{Error, EventStore, Filter, RecordedEvent};

/// How many events are read at a time.
const PAGE: usize = 256;
/// How long a lost notification can delay its events.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// What a subscription delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The next event.
    Event(Box<RecordedEvent>),
    /// The log was read to its end, at this position. Delivered once.
    CaughtUp(u64),
    /// No further selected event up to this position: the checkpoint can move there.
    Passed(u64),
}

/// The selected events of the log, in order, without end.
pub struct Subscription {
    store: Arc<dyn EventStore>,
    filter: Filter,
    appended: watch::Receiver<u64>,
    /// Read and not yet delivered.
    buffer: VecDeque<RecordedEvent>,
    /// How far the log was read.
    read_to: u64,
    /// The position of the last delivery.
    delivered: u64,
    delivered_caught_up: bool,
}

impl Subscription {
    /// Everything after `checkpoint`; 0 for everything.
    pub fn after(store: Arc<dyn EventStore>, filter: Filter, checkpoint: u64) -> Self {
        Self {
            appended: store.appended(),
            store,
            filter,
            buffer: VecDeque::new(),
            read_to: checkpoint,
            delivered: checkpoint,
            delivered_caught_up: false,
        }
    }

    /// Only what is appended from now on.
    pub async fn at_head(store: Arc<dyn EventStore>, filter: Filter) -> Result<Self, Error> {
        let head = store.head().await?;
        Ok(Self::after(store, filter, head))
    }

    /// Waits for the next delivery. After an error the same read is retried. A dropped call loses
    /// nothing.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            if let Some(event) = self.buffer.pop_front() {
                self.delivered = event.position;
                return Ok(Delivery::Event(Box::new(event)));
            }
            self.appended.mark_unchanged();
            let page = self.store.read_all(self.read_to, &self.filter, PAGE).await?;
            self.read_to = page.read_to;
            self.buffer = page.events.into();
            if !self.buffer.is_empty() {
                continue;
            }
            if self.read_to >= page.head && !self.delivered_caught_up {
                self.delivered_caught_up = true;
                self.delivered = self.read_to;
                return Ok(Delivery::CaughtUp(self.read_to));
            }
            if self.read_to > self.delivered {
                self.delivered = self.read_to;
                return Ok(Delivery::Passed(self.read_to));
            }
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        let notified = tokio::time::timeout(POLL_EVERY, self.appended.changed()).await;
        if matches!(notified, Ok(Err(_))) {
            tokio::time::sleep(POLL_EVERY).await;
        }
    }
}
