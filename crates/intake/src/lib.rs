//! Requests by e-mail: LMTP, reading, quarantine, confirmation, letters.
//!
//! Invariants: a message acknowledged with 250 is on disk; no message is dropped, and one that
//! cannot be processed is kept with its reason; requests are unauthenticated until confirmed, and
//! the reply is the same whether or not a named person exists. Deliberately absent: who is entitled
//! to a voucher, which the domain decides.

mod case;
mod error;
#[cfg(test)]
#[path = "../../registry/src/store/tests/fresh.rs"]
mod fresh;
mod letter;
mod lmtp;
mod portal;
mod process;
mod reading;
mod store;
mod writer;

pub use error::Error;
pub use letter::Templates;
pub use lmtp::{
    Incoming, Limits, Listen, MessageHandler, Rate, RateLimiter, Rules, Server, Session, Step,
    Verdict,
};
pub use portal::{CONFIRM, portal};
pub use process::{Exports, ProcessorSettings, RequestProcessor, claim_reminders};
pub use reading::{Identifiers, Kind, Language, Reader, Reading, Unreadable};
pub use store::{LetterKind, Message, MessageStatus, NewMessage, Route, Store};
pub use writer::MessageWriter;
