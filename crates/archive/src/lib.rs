//! The log of messages: read from the mail servers' logs into an index, or from a platform's table, asked
//! for one mailbox, handed out as a signed extract by a link, and destroyed on record.
//!
//! Personal data lies in `archive.db` and in the folder `extracts`, for their owner alone, and nowhere
//! else. Deliberately absent: who may ask, and until when, which is the domain's.

mod codec;
mod erase;
mod error;
mod extract;
mod index;
mod join;
mod link;
mod log_table;
mod logs;
mod members;
mod message;
mod needles;
mod office;
mod portal;
mod row;
mod said;
mod source;
mod syslog;
mod table;

pub use erase::{Erased, Gone, erase};
pub use error::Error;
pub use extract::{Extract, SIGNED_AS, Subject};
pub use index::{Held, Index, IndexRequest, Indexed, IndexedFile};
pub use log_table::LogTable;
pub use logs::Logs;
pub use message::{Domains, Happened, Message};
pub use needles::Needles;
pub use office::{Holder, Office, Opened, Ready, Remains, Terms, discard_ended};
pub use portal::portal;
pub use row::{Entry, Kind, LogArchive, Period};
pub use source::Counts;
