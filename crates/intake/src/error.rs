use sql::{Fault, Why};

/// Why the intake did not do what was asked; one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Mail servers can't connect.
    #[error("mail servers can't hand messages over at {place}; name another place with --listen")]
    Listen {
        /// Where.
        place: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It is busy, or its disk is full or failing; the same call may succeed later.
    #[error("the intake's store {place} is unavailable: {advice}")]
    Unavailable {
        /// Which file or server.
        place: String,
        /// What to do about it.
        advice: &'static str,
        /// What the database said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// What is stored can't be what this program wrote.
    #[error("the intake's store {place} is damaged: {problem}; restore it from a backup")]
    Corrupt {
        /// Which file or server.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// It can't be opened by this program.
    #[error("{place} can't be opened as the store of an intake: {problem}")]
    Unusable {
        /// Which file or server.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl Error {
    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl From<Fault> for Error {
    fn from(Fault { place, why }: Fault) -> Self {
        match why {
            Why::Unavailable(advice, source) => {
                Self::Unavailable { place, advice, source: source.into() }
            }
            Why::Corrupt(problem) => Self::Corrupt { place, problem },
            Why::Unusable(problem) => Self::Unusable { place, problem },
        }
    }
}
