use std::time::Duration;

use async_trait::async_trait;
use domain::Capabilities;

use crate::{Error, WorkOrder};

/// The queue of work orders: bounded, at least once, in no promised order.
///
/// `tests/contract.rs` says what every adapter must do.
#[async_trait]
pub trait WorkQueue: Send + Sync {
    /// Hands an order in. While the queue is full it waits: that is the back-pressure.
    async fn publish(&self, order: WorkOrder) -> Result<(), Error>;

    /// Waits for an order whose effects are all among these, and hands it out until it is
    /// acknowledged. Dropping the future loses no order.
    async fn pull(&self, effects: Capabilities) -> Result<Box<dyn Delivery>, Error>;

    /// How many orders there are, by what they wait for.
    async fn backlog(&self) -> Result<Backlog, Error>;

    /// The newest orders that were dead-lettered after [`Settings::max_deliveries`], oldest first.
    async fn dead_letters(&self) -> Result<Vec<DeadLetter>, Error>;

    /// Ends every `publish` and `pull`, waiting or to come, with [`Error::Closed`]. Orders still
    /// waiting are not dispatched any more; deliveries under way can still be acknowledged.
    fn close(&self);
}

/// An order in flight. Dropped without an answer, it is dispatched again.
#[async_trait]
pub trait Delivery: Send {
    /// The order.
    fn order(&self) -> &WorkOrder;

    /// How often it was dispatched, this time included; 1 for the first.
    fn count(&self) -> u32;

    /// It is done: the queue forgets it.
    async fn ack(self: Box<Self>) -> Result<(), Error>;

    /// It is not done: hand it out again, but not before `delay` has passed.
    async fn nak(self: Box<Self>, delay: Duration) -> Result<(), Error>;
}

/// The bounds of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Orders that may be in the queue at once, those in workers' hands included; at least 1 is
    /// taken.
    pub capacity: u32,
    /// An order dispatched that often and still not acknowledged is a dead letter; at least 1 is
    /// taken.
    pub max_deliveries: u32,
}

impl Default for Settings {
    /// Enough orders to keep some workers busy while the sweep makes the next, and little enough
    /// that pausing takes hold at once.
    fn default() -> Self {
        Self { capacity: 64, max_deliveries: 5 }
    }
}

/// How many orders a queue holds, by what they wait for. Their sum is exact. A bus between
/// processes knows only the delays of its own process, and counts as in flight what others handed
/// back with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// For a worker.
    pub waiting: u64,
    /// For the delay of a negative acknowledgement.
    pub delayed: u64,
    /// In a worker's hands.
    pub in_flight: u64,
}

/// An order that was dispatched too often.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The order.
    pub order: WorkOrder,
    /// How often it was dispatched.
    pub deliveries: u32,
}
