//! The bus: work orders, the mirror of the log and commands from other systems; within one process,
//! or between processes over NATS with `JetStream`.
//!
//! A work order is only a hint: *check these mailboxes*. Orders may be lost, duplicated or
//! reordered without harm, because a worker determines itself what is still to be done. The queue
//! guarantees less: an unacknowledged order is redelivered, and a publisher ahead of the workers
//! waits. The mirror informs other systems; this program reads only its end. A command is accepted
//! only when it is answered. Deliberately absent: anything the engine depends on. The store is the
//! truth, and whatever is lost here is recovered from it.

mod cloud_event;
mod command;
mod error;
mod in_process;
mod jetstream;
mod mirror;
mod order;
mod queue;

pub use cloud_event::CloudEvent;
pub use command::{Answer, AnswerStatus, CommandKind};
pub use error::Error;
pub use in_process::{InProcess, InProcessMirror};
pub use jetstream::{
    CommandInbox, CommandSender, Connection, InHandTimes, IncomingCommand, JetStreamMirror,
    JetStreamQueue, Login, NatsOptions,
};
pub use mirror::{EventMirror, Mark, Mirrored, Tail};
pub use order::WorkOrder;
pub use queue::{Backlog, Delivery, Settings, WorkQueue};
