//! How facts and work travel: work orders, the mirror of the log, commands from outside; within one
//! process, or between processes over NATS with `JetStream`.
//!
//! A work order is only a hint: *look at these mailboxes*. Orders may be lost, doubled or reordered
//! and nothing is lost with them, because whoever receives one works out for itself what is still
//! to do. What the queue promises is narrower: an order dispatched and not acknowledged comes
//! again, and a publisher that runs ahead of the workers waits. The mirror tells others what
//! happened; nobody here reads it but to see where it ends. A command is taken when it is answered,
//! and not before. Deliberately absent: anything the engine depends on. The store is the truth, and
//! what is lost here is found again there.

mod cloud_event;
mod command;
mod error;
mod in_process;
mod jetstream;
mod mirror;
mod order;
mod queue;

pub use cloud_event::CloudEvent;
pub use command::{
    Answer, AnswerStatus, CommandInbox, CommandKind, CommandSender, DeadCommand, IncomingCommand,
};
pub use error::Error;
pub use in_process::{InProcess, InProcessCommands, InProcessMirror};
pub use jetstream::{
    Connection, InHandTimes, JetStreamMirror, JetStreamQueue, Login, NatsCommandInbox,
    NatsCommandSender, NatsOptions, Secret,
};
pub use mirror::{EventMirror, Mark, Mirrored, Tail};
pub use order::WorkOrder;
pub use queue::{Backlog, DeadLetter, Delivery, Settings, WorkQueue};
