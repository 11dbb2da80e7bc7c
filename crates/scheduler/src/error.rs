use chrono::{DateTime, Utc};

/// Why a tick stopped. What it recorded before is recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read or written.
    #[error(transparent)]
    Store(#[from] eventstore::Error),
    /// The clock is far behind the log.
    #[error(
        "the clock says {now}, but the log was already written to at {newest}; nothing is started. Set \
         this machine's clock; if it is right, another clock was ahead, and work goes on when this one \
         is within an hour of that instant"
    )]
    ClockBehind {
        /// What the clock says.
        now: DateTime<Utc>,
        /// When the log's newest event was recorded.
        newest: DateTime<Utc>,
    },
    /// The clock is far beyond everything that is planned.
    #[error(
        "the clock says {now}, more than 20 years after the plan's last phase ({last_phase}); nothing is \
         started, for that can't be undone. Set this machine's clock"
    )]
    ClockAhead {
        /// What the clock says.
        now: DateTime<Utc>,
        /// When the plan's last phase starts.
        last_phase: DateTime<Utc>,
    },
    /// The plan holds a cron expression that can't be read, or that never comes.
    #[error(
        "recurring work {name} has cron = {cron:?}, which {problem}; write for example \"0 30 3 * * *\" \
         (second minute hour day month weekday: every day at 03:30) in the plan"
    )]
    Cron {
        /// The plan's entry.
        name: domain::PhaseId,
        /// Its expression.
        cron: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The pace of a notice can't be read, or never comes.
    #[error(
        "notice {notice} has cron = {cron:?}, which {problem}; write for example \"0 0 9-17 * * Mon-Fri\" \
         (second minute hour day month weekday: every working hour) in the plan"
    )]
    NoticeCron {
        /// The notice.
        notice: domain::PhaseId,
        /// Its expression.
        cron: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The domain refused what the scheduler asked of it.
    #[error("the programme refused: {0}")]
    Rejected(domain::Rejection),
}

impl Error {
    /// May the same tick succeed later? A clock may be set right while we run.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Store(error) => {
                error.may_retry() || matches!(error, eventstore::Error::Conflict(_))
            }
            Self::ClockBehind { .. } | Self::ClockAhead { .. } => true,
            Self::Cron { .. } | Self::NoticeCron { .. } | Self::Rejected(_) => false,
        }
    }
}
