//! Keeps the snapshot up to date: follows the log by position, and reads the registry where an
//! event changed it.
//!
//! Invariants: an event is published only after the addresses that it concerns were read, so that
//! no right is visible before its address; an event that cannot be decoded, or a store that cannot
//! be read, stops the contact and thus, after the bound, the answers. The whole registry is reread
//! in pages, so that an address that was erased there is removed here too. Deliberately absent:
//! state on disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use domain::{Event, State, Tick};
use eventstore::{EventStore, Filter};
use registry::Registry;
use roaring::RoaringBitmap;
use tokio::time::timeout;

use crate::snapshot::{Rights, Snapshot};
use crate::{Error, measure};

/// Events per read: set events can hold some hundred kilobytes each.
const EVENTS: usize = 64;
/// Mailboxes per read from the registry.
const MAILBOXES: u32 = 8_192;
/// The interval between pages of the registry: two million mailboxes take less than five minutes.
const READ_EVERY: Duration = Duration::from_secs(1);
/// The interval of polling the store; shorter if the bound on the age is short.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The time limit for a page of the registry: many times what a slow machine needs.
const ANSWER: Duration = Duration::from_secs(10);

/// Keeps the snapshot as recent as the store.
pub struct Follower {
    log: Arc<dyn EventStore>,
    registry: Arc<Registry>,
    snapshot: Arc<Snapshot>,
    state: State,
    position: u64,
    /// Whether events were read that are not published yet.
    unpublished: bool,
    /// Mailboxes whose addresses must be read.
    unread: RoaringBitmap,
    /// The number at which the next page of the registry starts, and when the last was read.
    again: (u32, Option<Instant>),
}

impl Follower {
    /// A follower that has read nothing.
    pub fn new(log: Arc<dyn EventStore>, registry: Arc<Registry>, snapshot: Arc<Snapshot>) -> Self {
        Self {
            log,
            registry,
            snapshot,
            state: State::default(),
            position: 0,
            unpublished: false,
            unread: RoaringBitmap::new(),
            again: (0, None),
        }
    }

    /// One pass: new events, and the addresses that they concern.
    pub async fn tick(&mut self) -> Result<Tick, Error> {
        let passed = self.pass().await;
        if let Err(Error::Log(eventstore::Error::LogShorter { .. })) = &passed {
            // The log is not the one that was read.
            self.snapshot.forget();
            let (log, registry) = (Arc::clone(&self.log), Arc::clone(&self.registry));
            *self = Self::new(log, registry, Arc::clone(&self.snapshot));
        }
        passed
    }

    async fn pass(&mut self) -> Result<Tick, Error> {
        let moment = loop {
            let moment = self.snapshot.moment();
            let page = self.log.read_all(self.position, &Filter::default(), EVENTS).await?;
            for event in &page.events {
                let fact = event.fact()?;
                self.speaks_of(&fact.event);
                self.state.evolve(&fact);
                self.position = fact.position;
                self.unpublished = true;
            }
            if page.read_to >= page.head {
                break moment;
            }
        };
        self.addresses().await?;
        let rights = self.unpublished.then(|| Rights::by(&self.state));
        self.snapshot.publish(rights.flatten(), moment);
        self.unpublished = false;
        measure::snapshot(&self.snapshot);
        self.read_again().await?;
        let wake = LOOK_EVERY.min(self.snapshot.bound() / 4);
        let wake = TimeDelta::from_std(wake).unwrap_or(TimeDelta::MAX);
        let next_wake = self.snapshot.clock.now().checked_add_signed(wake);
        // Everything was read: there is no reason to poll again at once.
        Ok(Tick { progress: 0, next_wake })
    }

    fn speaks_of(&mut self, event: &Event) {
        if let Event::MailboxesRegistered(event) = event {
            let count = u32::try_from(event.requested_on.len()).unwrap_or(u32::MAX);
            self.unread.insert_range(event.first..event.first.saturating_add(count));
        } else if let Event::RegistrationsCorrected(event) = event {
            self.unread |= &*event.mailboxes;
        }
    }

    /// Reads the pending addresses, page by page.
    async fn addresses(&mut self) -> Result<(), Error> {
        if !self.unread.is_empty() {
            let last = self.state.rights.next_number();
            self.snapshot.reserve(usize::try_from(last).unwrap_or(0));
        }
        while let Some(first) = self.unread.min() {
            let last = first.saturating_add(MAILBOXES - 1);
            let mut page = self.unread.clone();
            page.remove_range(last.saturating_add(1)..);
            self.read(&page).await?;
            self.unread -= page;
        }
        Ok(())
    }

    /// Rereads a page of the registry, at most once per interval.
    async fn read_again(&mut self) -> Result<(), Error> {
        let (first, done) = self.again;
        if done.is_some_and(|done| done.elapsed() < READ_EVERY) {
            return Ok(());
        }
        let registered = &self.state.rights.registered;
        let last = first.saturating_add(MAILBOXES - 1);
        let page: RoaringBitmap = registered.range(first..=last).collect();
        let next = if registered.max().is_some_and(|max| max > last) { last + 1 } else { 0 };
        if !page.is_empty() {
            self.read(&page).await?;
        }
        self.again = (next, Some(Instant::now()));
        Ok(())
    }

    /// Reads the addresses of these mailboxes; one that is not in the registry has none.
    async fn read(&self, these: &RoaringBitmap) -> Result<(), Error> {
        let (Some(first), Some(last)) = (these.min(), these.max()) else { return Ok(()) };
        let whole = u64::from(last - first) + 1 == these.len();
        let rows = if whole {
            timeout(ANSWER, self.registry.addresses(first..=last)).await
        } else {
            timeout(ANSWER, self.registry.addresses_of(these)).await
        };
        let slow = |_elapsed| Error::Slow { seconds: ANSWER.as_secs() };
        let rows = rows.map_err(slow)??;
        let keys = &self.snapshot.keys;
        let mut found = rows.iter().peekable();
        let with_key = |number| {
            let row = found.next_if(|(found, ..)| *found == number);
            (number, row.map(|(_, address, _)| keys.of(address.as_bytes())))
        };
        let all: Vec<_> = these.iter().map(with_key).collect();
        self.snapshot.set(&all);
        Ok(())
    }
}
