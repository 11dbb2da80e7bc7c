/// Why the bus did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It was closed: the program is stopping, and nothing more is dispatched or accepted.
    #[error("the bus is closed")]
    Closed,
    /// The bus is out of reach; the same call may succeed later.
    #[error("the bus at {place} is unavailable: {problem}")]
    Unavailable {
        /// Which bus.
        place: String,
        /// What it said and what to do about it.
        problem: String,
    },
    /// Somebody else has published meanwhile; look again where the stream ends.
    #[error("another publisher has written to {stream} meanwhile")]
    Overtaken {
        /// Which stream.
        stream: String,
    },
    /// The bus will not have this program, or not what it asks for.
    #[error("the bus at {place} refuses: {problem}")]
    Refused {
        /// Which bus.
        place: String,
        /// What it said and what to do about it.
        problem: String,
    },
    /// Something on the bus is set up to promise less than is needed.
    #[error("{what} has {setting} {found}, but {asked} is asked for; {mend}")]
    Weaker {
        /// Which stream or consumer.
        what: String,
        /// Which of its settings.
        setting: &'static str,
        /// What the setting is.
        found: String,
        /// What it must be, or better.
        asked: String,
        /// What to do about it.
        mend: String,
    },
    /// What was handed in can't travel.
    #[error("{what} can't be put on the bus: {problem}")]
    Unfit {
        /// What it is.
        what: String,
        /// What is wrong with it and what to do.
        problem: String,
    },
}

impl Error {
    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Overtaken { .. } => true,
            Self::Closed | Self::Refused { .. } | Self::Weaker { .. } | Self::Unfit { .. } => false,
        }
    }
}
