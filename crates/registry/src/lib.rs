//! The registry: the holders of mailboxes, and the import that fills it.
//!
//! Invariants: the name and the codice fiscale of a registration are in no other crate's tables;
//! every import is recorded in the log as columns of dates, without a name; importing the same row
//! again changes nothing. Deliberately absent: the state of a mailbox, folded from the log.

mod error;
#[cfg(test)]
#[path = "store/tests/fresh.rs"]
mod fresh;
mod import;
mod store;

pub use error::Error;
pub use import::{
    Encoding, Progress, Registered, Request as ImportRequest, Row, Source, Summary, import,
    register, rejects_of,
};
pub use store::{Counts, Entry, Registry};
