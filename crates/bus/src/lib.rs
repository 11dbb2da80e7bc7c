//! How work travels: the port of the queue of work orders, and its in-process adapter.
//!
//! A work order is only a hint: *look at these mailboxes*. Orders may be lost, doubled or reordered and
//! nothing is lost with them, because whoever receives one works out for itself what is still to do.
//! What the queue promises is narrower: an order handed out and not acknowledged comes again, and a
//! publisher that runs ahead of the workers waits.
//! Deliberately absent: events (they are read from the store) and anything that outlives the process.

mod cloud_event;
mod error;
mod in_process;
mod jetstream;
mod mirror;
mod order;
mod queue;

pub use cloud_event::CloudEvent;
pub use error::Error;
pub use in_process::{InProcess, InProcessMirror};
pub use jetstream::{
    Connection, InHandTimes, JetStreamMirror, JetStreamQueue, Login, NatsOptions, Secret,
};
pub use mirror::{EventMirror, Mark, Mirrored, Tail};
pub use order::WorkOrder;
pub use queue::{Backlog, DeadLetter, Delivery, Settings, WorkQueue};
