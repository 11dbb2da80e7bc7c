/// Why the intake failed. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The LMTP server can't listen.
    #[error("cannot listen for LMTP on {address} ({source}); choose another address with --listen")]
    Listen {
        /// Where.
        address: String,
        /// The system's error.
        source: std::io::Error,
    },
    /// A voucher could not be requested or issued.
    #[error(transparent)]
    Vouchers(#[from] vouchers::Error),
    /// The event log.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The programme's keys.
    #[error(transparent)]
    Keys(#[from] keyring::Error),
    /// A blocking task was cancelled.
    #[error("task that reads a message was cancelled ({0}); restart the service")]
    Cancelled(String),
    /// A template of letters.
    #[error(transparent)]
    Template(#[from] mail::TemplateError),
    /// The intake's store.
    #[error("intake store: {0}")]
    Store(#[from] sql::Error),
}

impl Error {
    /// May the same call succeed later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Vouchers(error) => error.may_retry(),
            Self::Log(error) => error.may_retry(),
            Self::Registry(error) => error.may_retry(),
            Self::Store(fault) => fault.may_retry(),
            Self::Keys(error) => error.may_retry(),
            Self::Cancelled(_) => true,
            Self::Listen { .. } | Self::Template(_) => false,
        }
    }
}
