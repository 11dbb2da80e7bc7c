use domain::{InvalidCode, Rejection};
use sql::{Fault, Why};

/// Why the office did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule of the domain.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// What was shown has not the form of a code.
    #[error(transparent)]
    Misread(#[from] InvalidCode),
    /// It has the form of a code and is none; told as one that was misread.
    #[error("{}", InvalidCode::Check)]
    NoSuchCode,
    /// What was shown is no token of ours.
    #[error(transparent)]
    Token(keyring::Refused),
    /// The code of a voucher was made and nobody recorded that it was handed over.
    #[error("its code was made before and may be lost; replace it with `tramonto voucher reissue`")]
    Minted,
    /// The log.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] projections::RegistryError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] keyring::Error),
    /// The book of codes is busy, full, or out of reach; the same may succeed later.
    #[error("the book of codes at {place} is unavailable: {advice}")]
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
    #[error("the book of codes at {place} is damaged: {problem}; restore it from a backup")]
    Corrupt {
        /// Which file or server.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// It can't be opened by this program.
    #[error("{place} can't be opened as a book of codes: {problem}")]
    Unusable {
        /// Which file or server.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The keys are not those that its codes were hashed with.
    #[error(
        "the codes at {place} were hashed with other keys than those at {keys}; name the folder of those with --keys"
    )]
    OtherKeys {
        /// Which file or server.
        place: String,
        /// The file of the keys.
        keys: String,
    },
    /// The operating system gave no random bits.
    #[error("the operating system gave no random bits ({0}); try again")]
    Random(String),
}

impl Error {
    /// May the same succeed if it is simply done again later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Random(_) => true,
            Self::Log(error) => {
                error.may_retry() || matches!(error, eventstore::Error::Conflict(_))
            }
            Self::Registry(error) => error.may_retry(),
            Self::Keys(error) | Self::Token(keyring::Refused::Keys(error)) => error.may_retry(),
            Self::Rejected(_)
            | Self::Misread(_)
            | Self::NoSuchCode
            | Self::Token(_)
            | Self::Minted
            | Self::Corrupt { .. }
            | Self::Unusable { .. }
            | Self::OtherKeys { .. } => false,
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
