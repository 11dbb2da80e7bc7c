use domain::{InvalidCode, Rejection};
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
    /// A voucher that no worker has issued yet.
    #[error(
        "the voucher has not been issued yet; a worker issues it while `tramonto run`, or \
         `tramonto worker`, runs and the programme is not paused"
    )]
    Pending,
    /// A command has the id of another one, which was carried out.
    #[error(
        "the id of this command is another command's, which was carried out; send it with an id of its own"
    )]
    IdTaken,
    /// The log.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] keyring::Error),
    /// The book of codes.
    #[error("the book of codes: {0}")]
    Tables(#[from] sql::Error),
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
            Self::Random(_) | Self::Pending => true,
            Self::Tables(fault) => fault.may_retry(),
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
            | Self::IdTaken
            | Self::OtherKeys { .. } => false,
        }
    }
}
