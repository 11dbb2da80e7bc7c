use std::io;
use std::path::{Path, PathBuf};

use domain::ProgrammeId;

/// Why a call on the registry, or an import, failed. [`Error::may_retry`] tells whether to retry
/// it. What an import wrote before stays, and importing again resumes there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {path}; check the path and its permissions")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// Reading stopped in the middle; a compressed file may be truncated.
    #[error(
        "the file could not be read to its end; the rows before are imported, import the complete \
         file to resume"
    )]
    Interrupted(#[source] io::Error),
    /// The file is not a registry file; nothing was imported.
    #[error("the file cannot be imported: {0}")]
    Unusable(String),
    /// The file does not match its control file; nothing was imported.
    #[error("{path} does not match its control file: {problem}; nothing was imported")]
    Control {
        /// The control file.
        path: PathBuf,
        /// Each mismatch.
        problem: String,
    },
    /// The file changed while it was read.
    #[error("the file changed while it was read; import it again once it is complete")]
    Changed,
    /// The rows are other registrations of the same people.
    #[error(
        "none of the first {rows} registration ids is known here but most of their holders or \
         addresses are: this is the registry of another programme or of another export; nothing \
         was imported"
    )]
    OtherRegistry {
        /// Rows checked.
        rows: usize,
    },
    /// The registry has no unused number left.
    #[error("the registry is full: it holds at most {} registrations", u32::MAX)]
    Full,
    /// The registry and the log do not match.
    #[error(
        "the log has {in_log} registrations and the registry {in_registry}: one of them was \
         restored without the other; restore both from one backup"
    )]
    Apart {
        /// The next number according to the log.
        in_log: u64,
        /// The next number according to the registry.
        in_registry: u64,
    },
    /// The database failed.
    #[error("registry {0}")]
    Store(#[from] sql::Error),
    /// The registry belongs to another programme.
    #[error(
        "{place} is the registry of the programme {found}, not of {expected}: use its own plan, or \
         another store"
    )]
    OtherProgramme {
        /// The store.
        place: String,
        /// Its programme.
        found: String,
        /// The expected programme.
        expected: ProgrammeId,
    },
    /// Another process is importing into it.
    #[error("another import into {place} is under way; wait for its end, then import again")]
    Importing {
        /// The store.
        place: String,
    },
    /// The event store reported an error.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// An event could not be encoded or decoded.
    #[error(transparent)]
    Event(#[from] domain::Decoding),
    /// The file of rejects cannot be written.
    #[error("cannot write rejected rows to {path}; check its folder and permissions")]
    Rejects {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), source }
    }

    /// May the same call succeed if it is retried later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Store(error) => error.may_retry(),
            Self::Importing { .. } => true,
            Self::Log(error) => error.may_retry(),
            Self::OtherProgramme { .. }
            | Self::Unreadable { .. }
            | Self::Interrupted(_)
            | Self::Unusable(_)
            | Self::Control { .. }
            | Self::Changed
            | Self::OtherRegistry { .. }
            | Self::Full
            | Self::Apart { .. }
            | Self::Event(_)
            | Self::Rejects { .. } => false,
        }
    }
}
