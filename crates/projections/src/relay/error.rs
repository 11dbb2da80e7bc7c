/// Why the relay did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// The mirror could not be written or read.
    #[error(transparent)]
    Mirror(#[from] bus::Error),
    /// The mirror's last message is not of this log.
    #[error(
        "the mirror on the bus ends with an event that is not this log's event {position}: it \
         mirrors another log; look at --store and --bus, or remove the stream, it is filled again \
         from the log"
    )]
    OtherLog {
        /// The position that the mirror's last message says it has.
        position: u64,
    },
    /// The mirror has events that the log has not.
    #[error(
        "the mirror on the bus has event {mirrored}, but the log ends at {head}: the log was \
         restored from an older backup, or it is another one; look at --store, or remove the \
         stream, it is filled again from the log"
    )]
    MirrorAhead {
        /// The position of the mirror's last message.
        mirrored: u64,
        /// Where the log ends.
        head: u64,
    },
    /// An event can't be told mailbox by mailbox.
    #[error("event {position} ({kind}) can't be expanded: {problem}")]
    NotExpanded {
        /// The event's position.
        position: u64,
        /// The event's kind.
        kind: String,
        /// What is wrong.
        problem: String,
    },
}

impl Error {
    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Log(error) => error.may_retry(),
            Self::Mirror(error) => error.may_retry(),
            Self::OtherLog { .. } | Self::MirrorAhead { .. } | Self::NotExpanded { .. } => false,
        }
    }
}
