/// Why a call on the bus failed. [`Error::may_retry`] tells whether to retry it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It was closed: the program is stopping, and nothing more is dispatched or accepted.
    #[error("the bus is closed")]
    Closed,
    /// The bus is unreachable; the same call may succeed later.
    #[error("the bus at {place} is unavailable: {problem}")]
    Unavailable {
        /// The address of the bus.
        place: String,
        /// What failed, and the next step.
        problem: String,
    },
    /// Another publisher has written meanwhile; read the end of the stream again.
    #[error("another publisher has written to {stream} meanwhile")]
    Overtaken {
        /// The stream.
        stream: String,
    },
    /// The bus rejects this program or its request.
    #[error("the bus at {place} refuses: {problem}")]
    Refused {
        /// The address of the bus.
        place: String,
        /// What failed, and the next step.
        problem: String,
    },
    /// A setting on the bus guarantees less than is required.
    #[error("{what} has {setting} {found}, expected {asked}; {mend}")]
    Weaker {
        /// The stream or consumer.
        what: String,
        /// The setting.
        setting: &'static str,
        /// Its value.
        found: String,
        /// The required value, or better.
        asked: String,
        /// The next step.
        mend: String,
    },
    /// The input cannot be sent.
    #[error("cannot publish {what}: {problem}")]
    Unfit {
        /// What it is.
        what: String,
        /// What is wrong with it, and the next step.
        problem: String,
    },
}

impl Error {
    /// May the same call succeed if it is retried later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Overtaken { .. } => true,
            Self::Closed | Self::Refused { .. } | Self::Weaker { .. } | Self::Unfit { .. } => false,
        }
    }
}
