use std::time::Duration;

use async_trait::async_trait;
use domain::Capabilities;

use crate::{Error, WorkOrder};

/// The queue of work orders: bounded, at least once, unordered.
///
/// `tests/contract.rs` is the contract of every adapter.
#[async_trait]
pub trait WorkQueue: Send + Sync {
    /// Adds an order. While the queue is full it waits: that is the back-pressure.
    async fn publish(&self, order: WorkOrder) -> Result<(), Error>;

    /// Waits for an order whose effects are all among these; it is redelivered until it is
    /// acknowledged. Dropping the future loses no order.
    async fn pull(&self, effects: Capabilities) -> Result<Box<dyn Delivery>, Error>;

    /// The number of orders, by state.
    async fn backlog(&self) -> Result<Backlog, Error>;

    /// Ends every `publish` and `pull`, current or future, with [`Error::Closed`]. Waiting orders
    /// are not dispatched any more; deliveries in flight can still be acknowledged.
    fn close(&self);
}

/// An order in flight. Dropped without an answer, it is dispatched again.
#[async_trait]
pub trait Delivery: Send {
    /// The order.
    fn order(&self) -> &WorkOrder;

    /// The delivery count, including this one; 1 for the first.
    fn count(&self) -> u32;

    /// Acknowledges the order: the queue removes it.
    async fn ack(self: Box<Self>) -> Result<(), Error>;

    /// Requeues the order: it is redelivered after `delay`.
    async fn nak(self: Box<Self>, delay: Duration) -> Result<(), Error>;
}

/// The bounds of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Maximum orders in the queue, including those in flight; at least 1.
    pub capacity: u32,
    /// An order delivered that often without an acknowledgement is dead-lettered; at least 1.
    pub max_deliveries: u32,
}

impl Default for Settings {
    /// Enough orders to keep some workers busy while the sweep creates the next, and few enough
    /// that pausing takes effect at once.
    fn default() -> Self {
        Self { capacity: 64, max_deliveries: 5 }
    }
}

/// The number of orders in a queue, by state. Their sum is exact. A bus between processes knows
/// only the delays of its own process, and counts orders that others requeued with a delay as in
/// flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Waiting for a worker.
    pub waiting: u64,
    /// Waiting for the delay of a negative acknowledgement.
    pub delayed: u64,
    /// In flight.
    pub in_flight: u64,
}
