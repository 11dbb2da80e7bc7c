use crate::Conflict;

/// Why the store did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Streams were not as the writer believed; nothing was written. Read them again and decide again.
    #[error("{}", conflicts_text(.0))]
    Conflict(Vec<Conflict>),
    /// An event id is already taken by another event, or stands twice in one append, or an append mixes
    /// events that are in the log with new ones.
    #[error("event id {id} {problem}")]
    DuplicateId {
        /// The id.
        id: uuid::Uuid,
        /// What it collided with.
        problem: &'static str,
    },
    /// Another process has taken over the subscription.
    #[error("the lease on subscription {subscription} was taken over by another process")]
    Fenced {
        /// The subscription.
        subscription: String,
    },
    /// The database is busy, full, or out of reach; the same call may succeed later.
    #[error("the event store at {place} is unavailable: {advice}")]
    Unavailable {
        /// Which store.
        place: String,
        /// What to do about it.
        advice: &'static str,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// What is stored can't be what this program wrote.
    #[error("the event store at {place} is damaged: {problem}")]
    Corrupt {
        /// Which store.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The store can't be opened by this program.
    #[error("{place} can't be opened as an event store: {problem}")]
    Unusable {
        /// Which store.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The store was opened for reading only.
    #[error("the event store at {place} was opened for reading only")]
    ReadOnly {
        /// Which store.
        place: String,
    },
    /// A reader's checkpoint lies beyond the end of the log.
    #[error(
        "the log ends at {head} but {checkpoint} was already read: it was restored from an older \
         backup; rebuild what was derived from it"
    )]
    LogShorter {
        /// Where the reader stands.
        checkpoint: u64,
        /// Where the log ends.
        head: u64,
    },
    /// No event was ever written to the stream.
    #[error("stream {0} does not exist")]
    StreamNotFound(String),
    /// The name is not `category-id` in printable ASCII.
    #[error("{0:?} is no stream name: write category-id in 3 to 200 printable ASCII characters")]
    InvalidStreamName(String),
    /// The append can't be carried out as it is.
    #[error("invalid append: {0}")]
    InvalidAppend(String),
    /// A reader met an event that it can't understand and stops there.
    #[error("event {position} ({kind} version {schema_version}) can't be read: {problem}")]
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
}

impl Error {
    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

fn conflicts_text(conflicts: &[Conflict]) -> String {
    conflicts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
