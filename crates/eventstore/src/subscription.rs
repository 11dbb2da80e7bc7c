//! Reading on: the log from a checkpoint, first what is there, then what comes.
//!
//! The switch from one to the other is none: every event is read from the log by position, and a
//! notice of an append only says when to look. Interest is registered before the first look, and the
//! log is looked at now and then without notice. Deliberately absent: the checkpoint, which moves in
//! the transaction of what the reader makes of the events.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::{Error, EventStore, Filter, RecordedEvent};

/// How many events are read at a time.
const PAGE: usize = 256;
/// How long a lost notice of an append can delay its events.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What a subscription hands over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The next event.
    Event(Box<RecordedEvent>),
    /// The log was read to its end, at this position. Told once.
    CaughtUp(u64),
    /// Nothing more that is wanted up to this position: the checkpoint can move there.
    Passed(u64),
}

/// The wanted events of the log, in order, without end.
pub struct Subscription {
    store: Arc<dyn EventStore>,
    filter: Filter,
    appended: watch::Receiver<u64>,
    /// Read and not yet handed over.
    waiting: VecDeque<RecordedEvent>,
    /// How far the log was read.
    read_to: u64,
    /// How far the reader knows that it was read.
    told: u64,
    told_caught_up: bool,
}

impl Subscription {
    /// Everything after `checkpoint`; 0 for everything.
    pub fn after(store: Arc<dyn EventStore>, filter: Filter, checkpoint: u64) -> Self {
        Self {
            appended: store.appended(),
            store,
            filter,
            waiting: VecDeque::new(),
            read_to: checkpoint,
            told: checkpoint,
            told_caught_up: false,
        }
    }

    /// Only what is appended from now on.
    pub async fn at_head(store: Arc<dyn EventStore>, filter: Filter) -> Result<Self, Error> {
        let head = store.head().await?;
        Ok(Self::after(store, filter, head))
    }

    /// Waits for what comes next. After an error, the same is tried again. A call that is dropped loses
    /// nothing.
    pub async fn next(&mut self) -> Result<Delivery, Error> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.told = event.position;
                return Ok(Delivery::Event(Box::new(event)));
            }
            self.appended.mark_unchanged();
            let page = self.store.read_all(self.read_to, &self.filter, PAGE).await?;
            self.read_to = page.read_to;
            self.waiting = page.events.into();
            if !self.waiting.is_empty() {
                continue;
            }
            if self.read_to >= page.head && !self.told_caught_up {
                self.told_caught_up = true;
                self.told = self.read_to;
                return Ok(Delivery::CaughtUp(self.read_to));
            }
            if self.read_to > self.told {
                self.told = self.read_to;
                return Ok(Delivery::Passed(self.read_to));
            }
            self.wait().await;
        }
    }

    async fn wait(&mut self) {
        let notice = tokio::time::timeout(LOOK_EVERY, self.appended.changed()).await;
        if matches!(notice, Ok(Err(_))) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}
