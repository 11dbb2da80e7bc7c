//! Where facts are kept: one ordered, append-only log of events, read by stream, by category or whole.
//!
//! Invariants every adapter holds (the contract suite in `tests/contract.rs` is run on each):
//! positions are dense, start at 1, and commit order is position order, so a reader needs no more than
//! `position > checkpoint`; a stream's versions start at 0 and have no holes; an append is atomic; sending
//! the same events again answers as the first time did. To the port and its adapters a payload is a JSON
//! text and its kind a name; what an event means is known in `journal.rs` alone, which writes and reads
//! the log in the domain's words. Deliberately absent: deciding anything.

mod append;
mod clock;
mod deciding;
mod error;
mod event;
mod follow;
mod group;
mod head;
mod journal;
mod lease;
mod measure;
mod memory;
mod numbers;
mod port;
mod postgres;
mod rules;
mod sqlite;
mod stream_name;
mod subscription;

pub use append::{Append, Appended, Conflict, ExpectedVersion, OnConflict, Written};
pub use clock::Clock;
pub use deciding::Deciding;
pub use error::Error;
pub use event::{NewEvent, RecordedEvent};
pub use follow::{Fold, Follower};
pub use journal::{
    Journal, Origin, archive_stream, canary_stream, drift_stream, erasure_stream, incident_stream,
    keys_stream, mailbox_stream, notice_stream, outcome_stream, programme_stream, registry_stream,
    schedule_stream, voucher_stream,
};
pub use measure::describe_metrics;
pub use memory::MemoryStore;
pub use port::{Direction, EventStore, Filter, Lease, Page};
pub use postgres::{Migration, MigrationState, PostgresStore, distrust};
pub use sqlite::SqliteStore;
pub use stream_name::StreamName;
pub use subscription::{Delivery, Subscription};
