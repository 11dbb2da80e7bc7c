use std::path::PathBuf;

/// Why a command failed: one sentence that names the next step.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log.
    #[error(transparent)]
    Store(#[from] eventstore::Error),
    /// The sweep or a worker.
    #[error(transparent)]
    Work(#[from] workers::Error),
    /// The queue of work orders.
    #[error(transparent)]
    Bus(#[from] bus::Error),
    /// The scheduler.
    #[error(transparent)]
    Scheduler(#[from] scheduler::Error),
    /// The mail platform.
    #[error(transparent)]
    Platform(#[from] platform::Error),
    /// Sessions that may still be open.
    #[error(transparent)]
    Sessions(#[from] workers::SessionsError),
    /// A projection, or the relay.
    #[error(transparent)]
    Projections(#[from] projections::Error),
    /// Tables beside the log.
    #[error(transparent)]
    Tables(#[from] sql::Error),
    /// The registry.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// Vouchers.
    #[error(transparent)]
    Vouchers(#[from] vouchers::Error),
    /// The message logs.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The programme's keys.
    #[error(transparent)]
    Keys(#[from] keyring::Error),
    /// The answers to mail servers.
    #[error(transparent)]
    Policy(#[from] policy::Error),
    /// The intake.
    #[error(transparent)]
    Intake(#[from] intake::Error),
    /// A domain rule.
    #[error(transparent)]
    Rejected(#[from] domain::Rejection),
    /// An invalid plan.
    #[error(transparent)]
    Plan(#[from] domain::PlanError),
    /// A file or folder.
    #[error("{path}: {advice}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong and what to do.
        advice: String,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// An input that is malformed, incomplete or contradicts another; the text says what to write.
    #[error("{0}")]
    Invalid(String),
    /// Something that is named does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The state does not allow it.
    #[error("{0}")]
    Refused(String),
    /// Another process or command is in the way; the same may succeed later.
    #[error("{0}")]
    Unavailable(String),
    /// An idempotency key was used for another command.
    #[error(
        "the id of this command belongs to another command, which was carried out; send it with an \
         id of its own"
    )]
    KeyTaken,
}

impl Error {
    /// The failure of a file or folder, with the advice that names the next step.
    pub fn file(path: impl Into<PathBuf>, advice: &str) -> impl FnOnce(std::io::Error) -> Self {
        let (path, advice) = (path.into(), advice.to_owned());
        move |source| Self::File { path, advice, source }
    }

    /// Whether the same call may succeed later.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Store(error) => {
                error.may_retry() || matches!(error, eventstore::Error::Conflict(_))
            }
            Self::Work(error) => error.may_retry(),
            Self::Bus(error) => error.may_retry(),
            Self::Scheduler(error) => error.may_retry(),
            Self::Platform(error) => error.may_retry(),
            Self::Projections(error) => error.may_retry(),
            Self::Tables(error) => error.may_retry(),
            Self::Registry(error) => error.may_retry(),
            Self::Vouchers(error) => error.may_retry(),
            Self::Archive(error) => error.may_retry(),
            Self::Keys(error) => error.may_retry(),
            Self::Intake(error) => error.may_retry(),
            Self::Unavailable(_) | Self::Sessions(_) | Self::Policy(_) => true,
            Self::Rejected(_)
            | Self::Plan(_)
            | Self::File { .. }
            | Self::Invalid(_)
            | Self::NotFound(_)
            | Self::Refused(_)
            | Self::KeyTaken => false,
        }
    }
}
