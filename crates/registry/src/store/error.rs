use domain::ProgrammeId;

/// Why the registry did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error("registry {0}")]
    Store(#[from] sql::Error),
    /// The registry is that of another programme.
    #[error(
        "{place} is the registry of the programme {found}, not of {expected}: use its own plan, or \
         another store"
    )]
    OtherProgramme {
        /// The store.
        place: String,
        /// Whose it is.
        found: String,
        /// Whose it should have been.
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
