use chrono::{DateTime, Utc};

/// Why a tick stopped. Events that it recorded before stay recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read or written.
    #[error(transparent)]
    Store(#[from] eventstore::Error),
    /// The clock is far behind the log.
    #[error(
        "the clock shows {now}, but the log was written to at {newest}; nothing is started: set \
         this machine's clock; if it is right, another clock was ahead, and scheduling resumes \
         when this one is within an hour of that instant"
    )]
    ClockBehind {
        /// What the clock shows.
        now: DateTime<Utc>,
        /// When the log's newest event was recorded.
        newest: DateTime<Utc>,
    },
    /// The clock is far beyond the plan.
    #[error(
        "the clock shows {now}, more than 20 years after the plan's last phase ({last_phase}); \
         nothing is started, as that cannot be undone: set this machine's clock"
    )]
    ClockAhead {
        /// What the clock shows.
        now: DateTime<Utc>,
        /// When the plan's last phase starts.
        last_phase: DateTime<Utc>,
    },
    /// A cron expression of the plan is invalid or never occurs.
    #[error(
        "{entry} has cron = {cron:?}, which {problem}; write for example \"0 30 3 * * *\" (second \
         minute hour day month weekday: every day at 03:30), or \"0 0 9-17 * * Mon-Fri\" (every \
         working hour), in the plan"
    )]
    Cron {
        /// The plan's entry: recurring work or a notice, with its name.
        entry: String,
        /// Its expression.
        cron: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The domain rejected a command of the scheduler.
    #[error("the programme rejected the scheduler's command: {0}")]
    Rejected(domain::Rejection),
}

impl Error {
    /// Whether the same tick may succeed later: a clock may be set while the scheduler runs.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Store(error) => {
                error.may_retry() || matches!(error, eventstore::Error::Conflict(_))
            }
            Self::ClockBehind { .. } | Self::ClockAhead { .. } => true,
            Self::Cron { .. } | Self::Rejected(_) => false,
        }
    }
}
