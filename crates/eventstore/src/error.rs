use sql::{Failure, StoreName};

use crate::{Conflict, InvalidStreamName};

/// Why a call on the store failed. [`Error::may_retry`] tells whether to retry it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // Conflict: another writer was faster. Read again and decide again.
    /// Streams were not at their expected versions; nothing was written.
    #[error("{}", conflicts_text(.0))]
    Conflict(Vec<Conflict>),
    /// Another process has taken over the subscription.
    #[error("the lease on subscription {subscription} was taken over by another process")]
    Fenced {
        /// The subscription.
        subscription: String,
    },

    // Unavailable, corrupt or rejected, as the database reports it.
    /// The database failed. Whether an append was written is then unknown; repeating it with the
    /// same event ids is safe.
    #[error("event store {0}")]
    Store(#[from] sql::Error),

    // Corrupt: the stored data is not what this reader expects.
    /// A reader's checkpoint lies beyond the end of the log.
    #[error(
        "the log ends at {head} but {checkpoint} was already read: it was restored from an older \
         backup; rebuild what was derived from it"
    )]
    LogShorter {
        /// The reader's checkpoint.
        checkpoint: u64,
        /// The end of the log.
        head: u64,
    },
    /// A reader met an event that it cannot decode and stops there.
    #[error("event {position} ({kind} version {schema_version}) cannot be decoded: {problem}")]
    Undecodable {
        /// Its position.
        position: u64,
        /// Its kind.
        kind: String,
        /// Its schema version.
        schema_version: u16,
        /// What is wrong with it.
        problem: String,
    },

    // Rejected: never succeeds as it is.
    /// An event id is already taken by another event, or is used twice in one append, or an append
    /// mixes events that are in the log with new ones.
    #[error("event id {id} {problem}")]
    DuplicateId {
        /// The id.
        id: uuid::Uuid,
        /// What it collided with.
        problem: &'static str,
    },
    /// The store was opened for reading only.
    #[error("event store {0} was opened for reading only")]
    ReadOnly(StoreName),
    /// No event was ever written to the stream.
    #[error("stream {0} does not exist")]
    StreamNotFound(String),
    /// The name is not `category-id` in printable ASCII.
    #[error(transparent)]
    InvalidStreamName(#[from] InvalidStreamName),
    /// The append cannot be carried out as it is.
    #[error("invalid append: {0}")]
    InvalidAppend(String),
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn may_retry(&self) -> bool {
        matches!(self, Self::Store(error) if error.may_retry())
    }

    /// Maps an error of the database.
    pub(crate) fn of(store: &StoreName, error: sqlx::Error) -> Self {
        if Failure::of(&error) == Failure::Value {
            return Self::InvalidAppend(format!("the server cannot store a value: {error}"));
        }
        Self::Store(store.error(error))
    }
}

fn conflicts_text(conflicts: &[Conflict]) -> String {
    conflicts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
