/// Why a pass or an order failed. Callers ask [`Error::may_retry`] first.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log.
    #[error(transparent)]
    Store(#[from] eventstore::Error),
    /// The queue of work orders.
    #[error(transparent)]
    Bus(#[from] bus::Error),
    /// The mail platform, during a comparison with the log.
    #[error(transparent)]
    Platform(#[from] platform::Error),
}

impl Error {
    /// May the same pass succeed later?
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
