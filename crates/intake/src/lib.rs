//! Requests by e-mail: what came, whose it is, what is answered.
//!
//! Purpose: from a mail server's connection to a request in the log, without believing anybody. Invariants: a
//! message that was answered 250 is on the disk; nothing is dropped, and what can't be used is kept with its
//! reason; whoever writes is answered the same whether or not such a person exists. Deliberately absent: what a
//! voucher is and who gets one, which is the domain's.

mod case;
mod desk;
mod error;
#[cfg(test)]
#[path = "../../registry/src/fresh.rs"]
mod fresh;
mod keeper;
mod letter;
mod lmtp;
mod portal;
mod reading;
mod store;

pub use desk::{Desk, DeskSettings, Extracts, claim_reminders};
pub use error::Error;
pub use keeper::Keeper;
pub use letter::{Answer, Letter, Post, Templates};
pub use lmtp::{Gate, Incoming, Keep, Limits, Listen, Pace, Rules, Server, Session, Step, Verdict};
pub use portal::{CONFIRM, portal};
pub use reading::{
    Bounds, Evidence, Kind, Language, MARK, Machine, Named, Reader, Reading, Receipt, Unreadable,
    return_path,
};
pub use store::{Kept, LetterKind, Message, Route, Standing, Store};
