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
    /// A voucher could not be asked for, or granted.
    #[error(transparent)]
    Office(#[from] vouchers::Error),
    /// The log.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] projections::RegistryError),
    /// The operating system gave no random bits.
    #[error("the operating system gave no random bits ({0}); try again")]
    Random(String),
    /// A task was ended from outside.
    #[error("a message could not be read, for its task ended ({0}); start the service again")]
    Ended(String),
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
        match self {
            Self::Office(error) => error.may_retry(),
            Self::Log(error) => error.may_retry(),
            Self::Registry(error) => error.may_retry(),
            Self::Unavailable { .. } | Self::Random(_) | Self::Ended(_) => true,
            Self::Listen { .. } | Self::Corrupt { .. } | Self::Unusable { .. } => false,
        }
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
