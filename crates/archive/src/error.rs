use std::io;
use std::path::{Path, PathBuf};

/// Why the archive failed. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The index, or a platform's own table.
    #[error("message log: {0}")]
    Tables(#[from] sql::Error),
    /// Another process is indexing logs or changing the index.
    #[error("{index} is locked by another process; retry when it has finished")]
    Locked {
        /// The index.
        index: String,
    },
    /// A file starts like one that was indexed, and then differs from it.
    #[error(
        "{path} starts like an indexed log but differs from it; pass the log as the mail server \
         wrote it",
        path = path.display()
    )]
    OtherContent {
        /// The file.
        path: PathBuf,
    },
    /// A file or folder.
    #[error("{path} {advice} ({source})", path = path.display())]
    File {
        /// Its path.
        path: PathBuf,
        /// The problem and the next step.
        advice: String,
        /// The system's error.
        source: io::Error,
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
    /// The operation is not allowed.
    #[error("{0}")]
    Refused(String),
    /// An export could not be made.
    #[error("cannot make the export: {0}")]
    Export(String),
}

impl Error {
    pub(crate) fn file(path: &Path, advice: &str, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), advice: advice.to_owned(), source }
    }

    pub(crate) fn export(error: impl std::fmt::Display) -> Self {
        Self::Export(error.to_string())
    }

    /// May the same call succeed later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Locked { .. } => true,
            Self::Tables(fault) => fault.may_retry(),
            Self::Keys(error) => error.may_retry(),
            Self::Log(error) => error.may_retry(),
            Self::OtherContent { .. }
            | Self::File { .. }
            | Self::Rejected(_)
            | Self::Refused(_)
            | Self::Export(_) => false,
        }
    }
}
