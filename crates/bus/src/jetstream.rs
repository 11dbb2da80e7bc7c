//! The bus between processes: NATS with `JetStream`.
//!
//! Invariant: nothing depends on what the server keeps. Every stream may be lost, with its server's
//! disk, at any moment: streams and consumers are declared again where they are missing, the sweep
//! hands out again what was lost of the work, the relay publishes again what was lost of the
//! mirror, and who sent a command and has no answer sends it again. So no setting here buys
//! durability at the price of speed; what is set (`topology`) is what makes losses rare and
//! visible. Deliberately absent: a stream of commands. `JetStream`'s own acknowledgement would
//! arrive on the sender's reply subject and look like an answer, long before the outcome is in the
//! store.

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

pub use commands::{NatsCommandInbox, NatsCommandSender};
pub use connection::Connection;
pub use mirror::JetStreamMirror;
pub use options::{Login, NatsOptions, Secret};
pub use queue::{InHandTimes, JetStreamQueue};
