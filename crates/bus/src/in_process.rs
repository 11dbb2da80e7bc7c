//! The queue of work orders within one process.
//!
//! Invariant: an order holds its slot (a permit of the semaphore) from `publish` until it is
//! acknowledged or dead-lettered, so requeueing it never waits and never exceeds the capacity.
//! Deliberately absent: a time limit on deliveries, since a worker of this process that dies drops
//! its delivery, which requeues the order; and a store of dead letters: they are hints like all
//! orders, and the sweep finds their work again.

mod mirror;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::Capabilities;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

pub use mirror::InProcessMirror;

use crate::{Backlog, Delivery, Error, Settings, WorkOrder, WorkQueue};

/// Longer delays are capped at this one, so that no sum of instants overflows.
const LONGEST_DELAY: Duration = Duration::from_hours(24);

/// A queue of work orders within one process. Clones are the same queue.
#[derive(Clone)]
pub struct InProcess {
    shared: Arc<Shared>,
}

struct Shared {
    places: Arc<Semaphore>,
    max_deliveries: u32,
    orders: Mutex<Orders>,
    changed: Notify,
}

#[derive(Default)]
struct Orders {
    ready: VecDeque<Entry>,
    /// By the instant at which they are ready again; the number distinguishes orders of one
    /// instant.
    delayed: BTreeMap<(Instant, u64), Entry>,
    delays: u64,
    in_flight: u64,
}

struct Entry {
    order: Arc<WorkOrder>,
    deliveries: u32,
    _place: OwnedSemaphorePermit,
}

impl InProcess {
    /// An empty queue.
    pub fn new(settings: Settings) -> Self {
        let capacity = usize::try_from(settings.capacity).unwrap_or(Semaphore::MAX_PERMITS);
        let places = Semaphore::new(capacity.clamp(1, Semaphore::MAX_PERMITS));
        Self {
            shared: Arc::new(Shared {
                places: Arc::new(places),
                max_deliveries: settings.max_deliveries.max(1),
                orders: Mutex::default(),
                changed: Notify::new(),
            }),
        }
    }
}

#[async_trait]
impl WorkQueue for InProcess {
    async fn publish(&self, order: WorkOrder) -> Result<(), Error> {
        let shared = &self.shared;
        let Ok(place) = Arc::clone(&shared.places).acquire_owned().await else {
            return Err(Error::Closed);
        };
        shared.orders().ready.push_back(Entry {
            order: Arc::new(order),
            deliveries: 0,
            _place: place,
        });
        shared.changed.notify_waiters();
        Ok(())
    }

    async fn pull(&self, effects: Capabilities) -> Result<Box<dyn Delivery>, Error> {
        let shared = &self.shared;
        loop {
            // Registered before the check, so that no change between the check and the wait is
            // missed.
            let changed = shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if shared.places.is_closed() {
                return Err(Error::Closed);
            }
            let next_ready = {
                let mut orders = shared.orders();
                orders.end_delays(Instant::now());
                if let Some(entry) = orders.take(effects) {
                    return Ok(Box::new(InHand::new(entry, self.clone())));
                }
                orders.delayed.first_key_value().map(|((ready_at, _), _)| *ready_at)
            };
            match next_ready {
                Some(ready_at) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(ready_at) => {}
                },
                None => changed.await,
            }
        }
    }

    async fn backlog(&self) -> Result<Backlog, Error> {
        let mut orders = self.shared.orders();
        orders.end_delays(Instant::now());
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        Ok(Backlog {
            waiting: count(orders.ready.len()),
            delayed: count(orders.delayed.len()),
            in_flight: orders.in_flight,
        })
    }

    fn close(&self) {
        self.shared.places.close();
        self.shared.changed.notify_waiters();
    }
}

impl Shared {
    /// The mutex is never poisoned: no code panics while it holds the lock.
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_back(&self, entry: Entry, delay: Duration) {
        let mut orders = self.orders();
        orders.in_flight = orders.in_flight.saturating_sub(1);
        if entry.deliveries >= self.max_deliveries {
            let (order, deliveries) = (entry.order.id, entry.deliveries);
            tracing::warn!(%order, deliveries, "work order dead-lettered");
        } else if delay.is_zero() {
            orders.ready.push_back(entry);
        } else {
            orders.delay(entry, Instant::now() + delay.min(LONGEST_DELAY));
        }
        drop(orders);
        self.changed.notify_waiters();
    }
}

impl Orders {
    fn take(&mut self, effects: Capabilities) -> Option<Entry> {
        let place = self.ready.iter().position(|entry| entry.order.effects.is_subset(effects))?;
        let mut entry = self.ready.remove(place)?;
        entry.deliveries = entry.deliveries.saturating_add(1);
        self.in_flight = self.in_flight.saturating_add(1);
        Some(entry)
    }

    fn delay(&mut self, entry: Entry, ready_at: Instant) {
        self.delays = self.delays.wrapping_add(1);
        self.delayed.insert((ready_at, self.delays), entry);
    }

    fn end_delays(&mut self, now: Instant) {
        while let Some(first) = self.delayed.first_entry().filter(|first| first.key().0 <= now) {
            self.ready.push_back(first.remove());
        }
    }
}

/// An order in flight; it has no entry any more once it was answered.
struct InHand {
    order: Arc<WorkOrder>,
    deliveries: u32,
    entry: Option<Entry>,
    queue: InProcess,
}

impl InHand {
    fn new(entry: Entry, queue: InProcess) -> Self {
        let (order, deliveries) = (Arc::clone(&entry.order), entry.deliveries);
        Self { order, deliveries, entry: Some(entry), queue }
    }

    fn hand_back(&mut self, delay: Duration) {
        if let Some(entry) = self.entry.take() {
            self.queue.shared.hand_back(entry, delay);
        }
    }
}

#[async_trait]
impl Delivery for InHand {
    fn order(&self) -> &WorkOrder {
        &self.order
    }

    fn count(&self) -> u32 {
        self.deliveries
    }

    async fn ack(mut self: Box<Self>) -> Result<(), Error> {
        if self.entry.take().is_some() {
            let mut orders = self.queue.shared.orders();
            orders.in_flight = orders.in_flight.saturating_sub(1);
        }
        Ok(())
    }

    async fn nak(mut self: Box<Self>, delay: Duration) -> Result<(), Error> {
        self.hand_back(delay);
        Ok(())
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.hand_back(Duration::ZERO);
    }
}
