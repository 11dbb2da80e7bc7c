//! The bus between processes: NATS with `JetStream`.
//!
//! Invariant: nothing depends on the server's data. Every stream may be lost with its server's disk
//! at any moment: missing streams and consumers are declared again, the sweep dispatches lost work
//! again, the relay publishes lost events again, and a sender without an answer sends its command
//! again. So no setting here trades speed for durability; the settings (`topology`) make losses
//! rare and visible. Deliberately absent: a stream of commands. `JetStream`'s own acknowledgement
//! would arrive on the sender's reply subject and look like an answer, long before the outcome is
//! in the store.

mod api;
mod check;
mod commands;
mod connection;
mod dead;
mod delivery;
mod denied;
mod headers;
mod mirror;
mod options;
mod queue;
mod topology;

pub use commands::{CommandInbox, CommandSender, IncomingCommand};
pub use connection::Connection;
pub use mirror::JetStreamMirror;
pub use options::{Login, NatsOptions};
pub use queue::{InHandTimes, JetStreamQueue};
