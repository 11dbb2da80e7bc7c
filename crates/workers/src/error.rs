/// Why a pass of the sweep or an order failed. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log.
    #[error(transparent)]
    Store(#[from] eventstore::Error),
    /// The queue of work orders.
    #[error(transparent)]
    Bus(#[from] bus::Error),
    /// The mail platform, where it was to be compared with the log.
    #[error(transparent)]
    Platform(#[from] platform::Error),
}

impl Error {
    /// May the same pass succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Store(error) => {
                error.may_retry() || matches!(error, eventstore::Error::Conflict(_))
            }
            Self::Bus(error) => error.may_retry(),
            Self::Platform(error) => error.may_retry(),
        }
    }
}
