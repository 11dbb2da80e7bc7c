use domain::ProgrammeId;

/// Why a call on the registry failed. [`Error::may_retry`] tells whether to retry it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Store(error) => error.may_retry(),
            Self::Importing { .. } => true,
            Self::OtherProgramme { .. } => false,
        }
    }
}
