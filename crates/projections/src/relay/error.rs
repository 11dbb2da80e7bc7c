/// Why the relay failed. [`Error::may_retry`] tells whether to retry it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// The mirror could not be written or read.
    #[error(transparent)]
    Mirror(#[from] bus::Error),
    /// The mirror's last message is not in this log.
    #[error(
        "the mirror on the bus ends with an event that is not this log's event {position}: it \
         mirrors another log; check --store and --bus, or remove the stream, which is refilled \
         from the log"
    )]
    OtherLog {
        /// The position of the mirror's last message.
        position: u64,
    },
    /// The mirror has events that are not in the log.
    #[error(
        "the mirror on the bus has event {mirrored}, but the log ends at {head}: the log was \
         restored from an older backup, or it is another one; check --store, or remove the stream, \
         which is refilled from the log"
    )]
    MirrorAhead {
        /// The position of the mirror's last message.
        mirrored: u64,
        /// The end of the log.
        head: u64,
    },
    /// An event cannot be expanded by mailbox.
    #[error("event {position} ({kind}) can't be expanded: {problem}")]
    NotExpanded {
        /// The event's position.
        position: u64,
        /// The event's kind.
        kind: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Error {
    /// May the same call succeed if it is retried later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Log(error) => error.may_retry(),
            Self::Mirror(error) => error.may_retry(),
            Self::OtherLog { .. } | Self::MirrorAhead { .. } | Self::NotExpanded { .. } => false,
        }
    }
}
