//! How work travels: the port of the queue of work orders, and its in-process adapter.
//!
//! A work order is only a hint: *look at these mailboxes*. Orders may be lost, doubled or reordered and
//! nothing is lost with them, because whoever receives one works out for itself what is still to do.
//! What the queue promises is narrower: an order handed out and not acknowledged comes again, and a
//! publisher that runs ahead of the workers waits.
//! Deliberately absent: events (they are read from the store) and anything that outlives the process.

mod error;
mod in_process;
mod jetstream;
mod order;
mod queue;

pub use error::Error;
pub use in_process::InProcess;
pub use jetstream::{Connection, InHandTimes, JetStreamQueue, Login, NatsOptions, Secret};
pub use order::WorkOrder;
pub use queue::{Backlog, DeadLetter, Delivery, Settings, WorkQueue};
