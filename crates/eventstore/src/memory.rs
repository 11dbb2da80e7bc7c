//! The reference adapter: a log in memory.
//!
//! It holds every invariant of the port with the simplest means, a lock around a vector, and the
//! differential test compares the others with it. Deliberately absent: durability.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::watch;
use uuid::Uuid;

use crate::lease::Holding;
use crate::rules::{self, Existing, Fact, Request};
use crate::{
    Append, Appended, Clock, Direction, Error, EventStore, Filter, Lease, Page, RecordedEvent,
    StreamName, Written,
};

/// A log in memory, for tests and as the reference of what the port means.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    log: Mutex<Log>,
    head: watch::Sender<u64>,
}

#[derive(Default)]
struct Log {
    events: Vec<RecordedEvent>,
    /// For each stream, its events as indexes into `events`.
    streams: HashMap<StreamName, Vec<usize>>,
    /// For each event id, its index in `events`.
    ids: HashMap<Uuid, usize>,
    subscriptions: HashMap<String, Holding>,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").field("head", &*self.head.borrow()).finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// An empty log whose times of recording come from `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, log: Mutex::default(), head: watch::Sender::new(0) }
    }

    /// A poisoned lock guards a whole log all the same: each change is prepared before it is made.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn head(&self) -> u64 {
        self.events.last().map_or(0, |event| event.position)
    }

    fn existing(&self, request: &Request) -> HashMap<Uuid, Existing> {
        let found = request.events().filter_map(|(stream, new)| {
            let old = self.events.get(*self.ids.get(&new.id)?)?;
            let written = Written { position: old.position, version: old.version };
            let fact = Fact {
                stream: old.stream.as_str(),
                kind: &old.event.kind,
                schema_version: old.event.schema_version,
                payload: &old.event.payload,
            };
            Some((new.id, Existing { written, same: fact.is(request.streams.get(stream)?, new) }))
        });
        found.collect()
    }

    fn append(&mut self, request: &Request, now: DateTime<Utc>) -> Result<Appended, Error> {
        let last: Vec<Option<u64>> = request.streams.iter().map(|name| self.last(name)).collect();
        let decision = request.decide(self.head(), &last, &self.existing(request))?;
        let last_recorded = self.events.last().map(|event| event.recorded_at);
        let recorded_at = rules::recorded_at(now, last_recorded.unwrap_or(DateTime::UNIX_EPOCH));
        let new = if decision.repeated { 0 } else { decision.written.len() };
        for ((stream, event), written) in request.events().zip(&decision.written).take(new) {
            let Some(stream) = request.streams.get(stream) else { continue };
            let Written { position, version } = *written;
            let index = self.events.len();
            self.ids.insert(event.id, index);
            self.streams.entry(stream.clone()).or_default().push(index);
            let (stream, event) = (stream.clone(), event.clone());
            self.events.push(RecordedEvent { position, stream, version, recorded_at, event });
        }
        Ok(Appended { written: decision.written })
    }

    fn last(&self, stream: &StreamName) -> Option<u64> {
        let index = self.streams.get(stream)?.last()?;
        self.events.get(*index).map(|event| event.version)
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn append(&self, append: Append) -> Result<Appended, Error> {
        let request = Request::new(append)?;
        let mut log = self.log();
        let appended = log.append(&request, self.clock.now())?;
        // Sent while the lock is held, so that heads are sent in order.
        self.head.send_replace(log.head());
        Ok(appended)
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, Error> {
        let log = self.log();
        let Some(indexes) = log.streams.get(stream) else {
            return Err(Error::StreamNotFound(stream.to_string()));
        };
        let events = indexes.iter().filter_map(|index| log.events.get(*index));
        Ok(match direction {
            Direction::Forwards => {
                events.filter(|event| event.version >= from).take(limit).cloned().collect()
            }
            Direction::Backwards => {
                events.rev().filter(|event| event.version <= from).take(limit).cloned().collect()
            }
        })
    }

    async fn find(&self, id: Uuid) -> Result<Option<RecordedEvent>, Error> {
        let log = self.log();
        Ok(log.ids.get(&id).and_then(|index| log.events.get(*index)).cloned())
    }

    async fn read_all(&self, after: u64, filter: &Filter, limit: usize) -> Result<Page, Error> {
        let log = self.log();
        let head = log.head();
        if after > head {
            return Err(Error::LogShorter { checkpoint: after, head });
        }
        if limit == 0 {
            return Ok(Page { events: Vec::new(), read_to: after, head });
        }
        let events: Vec<RecordedEvent> = log
            .events
            .iter()
            .filter(|event| event.position > after && filter.takes(&event.stream))
            .take(limit)
            .cloned()
            .collect();
        Ok(Page::of(events, limit, head))
    }

    async fn head(&self) -> Result<u64, Error> {
        Ok(self.log().head())
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    async fn claim(
        &self,
        subscription: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Option<Lease>, Error> {
        let now = self.clock.now();
        let mut log = self.log();
        let held = log.subscriptions.get(subscription).cloned();
        let Some(holding) = Holding::claimed(held, owner, now, ttl) else { return Ok(None) };
        let lease = holding.lease(subscription);
        log.subscriptions.insert(subscription.to_owned(), holding);
        Ok(Some(lease))
    }

    async fn save_checkpoint(&self, lease: &Lease, position: u64) -> Result<(), Error> {
        let mut log = self.log();
        let head = log.head();
        if position > head {
            return Err(Error::LogShorter { checkpoint: position, head });
        }
        match log.subscriptions.get_mut(&lease.subscription) {
            Some(holding) if holding.token == lease.token => {
                holding.checkpoint = position;
                Ok(())
            }
            Some(_) | None => Err(Error::Fenced { subscription: lease.subscription.clone() }),
        }
    }
}
