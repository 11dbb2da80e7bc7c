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
    Registry(#[from] registry::Error),
    /// The operating system gave no random bits.
    #[error("the operating system gave no random bits ({0}); try again")]
    Random(String),
    /// A task was ended from outside.
    #[error("a message could not be read, for its task ended ({0}); start the service again")]
    Ended(String),
    /// A template that no letter can be written from, or a folder of them.
    #[error("the template {place} {advice}")]
    Template {
        /// Which file.
        place: String,
        /// What is wrong with it, and what to do.
        advice: String,
    },
    /// What came by e-mail.
    #[error("the intake's store: {0}")]
    Tables(#[from] sql::Fault),
}

impl Error {
    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Office(error) => error.may_retry(),
            Self::Log(error) => error.may_retry(),
            Self::Registry(error) => error.may_retry(),
            Self::Tables(fault) => fault.may_retry(),
            Self::Random(_) | Self::Ended(_) => true,
            Self::Listen { .. } | Self::Template { .. } => false,
        }
    }
}
