use domain::{InvalidCode, Rejection};

/// Why a command about vouchers failed. Callers ask [`Error::may_retry`] first.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule of the domain.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A malformed or mistyped code.
    #[error(transparent)]
    InvalidCode(#[from] InvalidCode),
    /// A well-formed code that was never generated. The message is that of a mistyped code.
    #[error("{}", InvalidCode::Check)]
    UnknownCode,
    /// An invalid token.
    #[error(transparent)]
    Token(keyring::Refused),
    /// The code of the voucher was generated before, and its delivery is not recorded.
    #[error(
        "the code was generated before and may be lost; replace it with `tramonto voucher \
         reissue MAILBOX --reason TEXT`"
    )]
    CodeExists,
    /// No worker has issued the voucher yet.
    #[error(
        "the voucher has not been issued yet; a worker issues it while `tramonto run` or \
         `tramonto service worker` runs and the programme is not paused"
    )]
    Pending,
    /// Another command with the same id was carried out.
    #[error(
        "another command with this id was carried out; send this command with an id of its own"
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
    /// The store of codes.
    #[error("voucher codes: {0}")]
    Codes(#[from] sql::Error),
    /// The store of codes was created with other keys.
    #[error(
        "the codes in {store} were hashed with other keys than those in {keys}; name the folder of \
         the original keys with --keys"
    )]
    OtherKeys {
        /// The file, or the server.
        store: String,
        /// The file of the keys.
        keys: String,
    },
}

impl Error {
    /// May the same call succeed later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Pending => true,
            Self::Codes(error) => error.may_retry(),
            Self::Log(error) => {
                error.may_retry() || matches!(error, eventstore::Error::Conflict(_))
            }
            Self::Registry(error) => error.may_retry(),
            Self::Keys(error) | Self::Token(keyring::Refused::Keys(error)) => error.may_retry(),
            Self::Rejected(_)
            | Self::InvalidCode(_)
            | Self::UnknownCode
            | Self::Token(_)
            | Self::CodeExists
            | Self::IdTaken
            | Self::OtherKeys { .. } => false,
        }
    }
}
