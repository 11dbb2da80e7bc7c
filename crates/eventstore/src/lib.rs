//! The event log: one ordered, append-only sequence of events, read by stream, by category or
//! whole.
//!
//! Invariants of every adapter (`tests/contract` runs on each): positions are dense, start at 1,
//! and commit order is position order, so a reader needs only `position > checkpoint`; a stream's
//! versions start at 0 and have no holes; an append is atomic; a repeated append returns the answer
//! of the first. To the port and its adapters a payload is JSON and its kind a name; [`Journal`]
//! alone reads and writes domain events. Deliberately absent: the decisions themselves.

mod append;
mod clock;
mod decision;
mod error;
mod event;
mod follow;
mod group;
mod journal;
mod lease;
mod measure;
mod memory;
mod names;
mod numbers;
mod port;
mod postgres;
mod read;
mod rules;
mod session;
mod sqlite;
mod store;
mod stream_name;
mod streams;
mod writer;

pub use append::{Append, Appended, Conflict, ExpectedVersion, Written};
pub use clock::Clock;
pub use decision::{Decided, Decision};
pub use error::Error;
pub use event::{NewEvent, RecordedEvent};
pub use follow::{Fold, Follower};
pub use journal::{Journal, Origin, Snapshot};
pub use memory::MemoryStore;
pub use port::{Direction, EventStore, Filter, Lease, Page};
pub use sql::Migration;
pub use store::DatabaseStore;
pub use stream_name::{InvalidStreamName, StreamName};
pub use streams::{
    archive_stream, canary_stream, drift_stream, erasure_stream, incident_stream, keys_stream,
    mailbox_stream, notice_stream, outcome_stream, programme_stream, registry_stream,
    schedule_stream, voucher_stream,
};
