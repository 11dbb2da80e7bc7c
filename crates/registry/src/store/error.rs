use domain::ProgrammeId;

use sql::{Fault, Why};

/// Why the registry did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is busy, or its disk is full or failing; the same call may succeed later.
    #[error("the registry {place} is unavailable: {advice}")]
    Unavailable {
        /// Which file or server.
        place: String,
        /// What to do about it.
        advice: &'static str,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// What is stored can't be what this program wrote.
    #[error("the registry {place} is damaged: {problem}; restore it from a backup")]
    Corrupt {
        /// Which file or server.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// It can't be opened by this program.
    #[error("{place} can't be opened as a registry: {problem}")]
    Unusable {
        /// Which file or server.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The registry is that of another programme.
    #[error(
        "{place} is the registry of the programme {found}, not of {expected}: use its own plan, or another store"
    )]
    OtherProgramme {
        /// Which file or server.
        place: String,
        /// Whose it is.
        found: String,
        /// Whose it should have been.
        expected: ProgrammeId,
    },
    /// Another process is importing into it.
    #[error("another import into {place} is under way; wait for its end, then import again")]
    Importing {
        /// Which server.
        place: String,
    },
}

impl Error {
    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Importing { .. })
    }
}

impl From<Fault> for Error {
    fn from(Fault { place, why }: Fault) -> Self {
        match why {
            Why::Unavailable(advice, source) => Self::Unavailable { place, advice, source },
            Why::Corrupt(problem) => Self::Corrupt { place, problem },
            Why::Unusable(problem) => Self::Unusable { place, problem },
        }
    }
}
