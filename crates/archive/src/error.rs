use std::path::PathBuf;

use sql::{Fault, Why};

/// Why the archive did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is busy, or its disk is full or failing; the same call may succeed later.
    #[error("the archive {place} is unavailable: {advice}")]
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
    #[error("the archive {place} is damaged: {problem}; restore it, or read the logs again")]
    Corrupt {
        /// Which file or server.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// It can't be opened by this program.
    #[error("{place} can't be opened as an archive: {problem}")]
    Unusable {
        /// Which file or server.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Another process reads logs into it.
    #[error("another process reads logs into {place}; wait for its end, then read them again")]
    Indexing {
        /// Which file.
        place: String,
    },
    /// A file begins like one that was read before, and then differs from it.
    #[error(
        "{path} begins like a log that was read before and goes on otherwise; give the log as the mail \
         server wrote it",
        path = path.display()
    )]
    OtherContent {
        /// Which.
        path: PathBuf,
    },
    /// A file or folder.
    #[error("{path}: {advice}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong and what to do.
        advice: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The programme's keys.
    #[error(transparent)]
    Keys(#[from] keyring::Error),
    /// The log of events.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// A domain rule.
    #[error(transparent)]
    Rejected(#[from] domain::Rejection),
    /// It may not be done.
    #[error("{0}")]
    Refused(String),
    /// An extract could not be made.
    #[error("the extract can't be made: {0}")]
    Extract(String),
}

impl Error {
    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Indexing { .. } => true,
            Self::Keys(error) => error.may_retry(),
            Self::Log(error) => error.may_retry(),
            Self::Corrupt { .. }
            | Self::Unusable { .. }
            | Self::OtherContent { .. }
            | Self::File { .. }
            | Self::Rejected(_)
            | Self::Refused(_)
            | Self::Extract(_) => false,
        }
    }
}

impl From<Fault> for Error {
    fn from(Fault { place, why }: Fault) -> Self {
        match why {
            Why::Unavailable(advice, source) => {
                Self::Unavailable { place, advice, source: Box::new(source) }
            }
            Why::Corrupt(problem) => Self::Corrupt { place, problem },
            Why::Unusable(problem) => Self::Unusable { place, problem },
        }
    }
}
