use std::io;
use std::path::{Path, PathBuf};

use crate::store;

/// Why an import did not come to its end. What it wrote before stays, and importing again goes on
/// there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file can't be read.
    #[error("{path} can't be read; look at the path and its rights")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Reading stopped in the middle; a packed file may be cut off.
    #[error(
        "the file could not be read to its end; the rows before that are in, import it whole to go \
         on"
    )]
    Interrupted(#[source] io::Error),
    /// The file can't be a registry file; nothing was imported.
    #[error("the file can't be imported: {0}")]
    Unusable(String),
    /// The file is not what its control file says; nothing was imported.
    #[error("{path} does not match the file beside it: {problem}; nothing was imported")]
    Control {
        /// The control file.
        path: PathBuf,
        /// Each disagreement.
        problem: String,
    },
    /// The file was changed while it was read.
    #[error("the file changed while it was read; import it again once it is whole")]
    Changed,
    /// The rows are those of other registrations of the same people.
    #[error(
        "none of the first {rows} registration ids is known here but most of their holders or \
         addresses are: this is the registry of another programme or of another export; nothing \
         was imported"
    )]
    OtherRegistry {
        /// How many rows were looked at.
        rows: usize,
    },
    /// The registry has no number left to give.
    #[error("the registry is full: {} registrations are the most", u32::MAX)]
    Full,
    /// The registry and the log were not kept together.
    #[error(
        "the log knows {in_log} registrations and the registry {in_registry}: one of them was \
         restored without the other; restore both from one backup"
    )]
    Apart {
        /// The next number by the log.
        in_log: u64,
        /// The next number by the registry.
        in_registry: u64,
    },
    /// The registry answered with an error.
    #[error(transparent)]
    Registry(#[from] store::Error),
    /// The event store answered with an error.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// An event could not be written or read.
    #[error(transparent)]
    Event(#[from] domain::Decoding),
    /// The file of rejects can't be written.
    #[error("the rejected rows can't be written to {path}; look at its folder")]
    Rejects {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl Error {
    pub(super) fn unreadable(path: &Path, source: io::Error) -> Self {
        Self::Unreadable { path: path.to_owned(), source }
    }

    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Registry(error) => error.may_retry(),
            Self::Log(error) => error.may_retry(),
            Self::Unreadable { .. }
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
