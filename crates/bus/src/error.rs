/// Why the queue did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The queue was closed: the program is stopping, and nothing more is handed out or taken in.
    #[error("the queue of work orders is closed")]
    Closed,
    /// The bus is out of reach; the same call may succeed later.
    #[error("the queue of work orders at {place} is unavailable: {problem}")]
    Unavailable {
        /// Which bus.
        place: String,
        /// What it said and what to do about it.
        problem: String,
    },
}

impl Error {
    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Closed => false,
            Self::Unavailable { .. } => true,
        }
    }
}
