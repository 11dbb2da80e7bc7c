//! Message logs: mail logs are indexed, or a platform's table is read; one mailbox's entries are
//! exported, signed and served by link; and the destruction of all of it is recorded.
//!
//! Personal data is in `archive.db` and in the folder of exports, private to their owner, and
//! nowhere else. Deliberately absent: who may request an export and until when, which the domain
//! decides.

mod archive;
mod codec;
mod entry;
mod erase;
mod error;
mod export;
mod hashes;
mod index;
mod join;
mod link;
mod log_table;
mod message;
mod parsers;
mod portal;
mod reader;
mod search;
mod source;
mod syslog;
mod table;

pub use archive::{Access, Archive, Holder, Ready, Remaining, Terms, delete_expired};
pub use entry::{Entry, Kind, LogArchive, Period};
pub use erase::{ErasedExports, ErasureSubjects, erase};
pub use error::Error;
pub use export::{Export, SIGNED_AS, Subject};
pub use index::{Held, Index, IndexRequest, Indexed, IndexedFile};
pub use log_table::LogTable;
pub use message::{Domains, Message, MessageEvent};
pub use portal::portal;
pub use reader::LogReader;
pub use search::SearchTerms;
pub use source::Counts;
