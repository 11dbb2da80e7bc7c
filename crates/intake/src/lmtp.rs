//! An LMTP server (RFC 2033) for one recipient.
//!
//! Invariants: a connection holds at most one line and one message in memory, each bounded; a
//! message is acknowledged with 250 once it is on disk, and never if its end is ambiguous. Lines
//! end in CR LF only, so that two servers always agree where a message ends (SMTP smuggling).
//! Deliberately absent: TLS and authentication; listen on loopback or on a Unix socket.

mod command;
mod data;
mod limiter;
mod server;
mod session;

#[cfg(test)]
mod tests;

pub(crate) use data::MemoryShare;
pub use limiter::{Rate, RateLimiter};
pub use server::{Limits, Listen, MessageHandler, Server};
pub use session::{Incoming, Rules, Session, Step, Verdict};
