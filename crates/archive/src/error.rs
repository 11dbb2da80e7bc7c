use std::path::PathBuf;

/// Why the archive did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The index, or a platform's own table.
    #[error("the log of messages: {0}")]
    Tables(#[from] sql::Fault),
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
            Self::Indexing { .. } => true,
            Self::Tables(fault) => fault.may_retry(),
            Self::Keys(error) => error.may_retry(),
            Self::Log(error) => error.may_retry(),
            Self::OtherContent { .. }
            | Self::File { .. }
            | Self::Rejected(_)
            | Self::Refused(_)
            | Self::Extract(_) => false,
        }
    }
}
