//! The port that a mail server hands messages to: LMTP (RFC 2033), as far as an intake needs it.
//!
//! Invariants: whatever bytes come, in whatever pieces, a connection makes us hold one line and one message,
//! each within a bound; 250 is said of a message once it is on the disk, and never of one whose end is in doubt.
//! Lines end with CR LF and nothing else, so that two servers never see two different ends of a message.
//! Deliberately absent: TLS and authentication; it belongs on loopback or on a socket of this machine.

mod command;
mod data;
mod gate;
mod server;
mod session;

#[cfg(test)]
mod tests;

pub(crate) use data::Share;
pub use gate::{Gate, Pace};
pub use server::{Keep, Limits, Listen, Server};
pub use session::{Incoming, Rules, Session, Step, Verdict};
