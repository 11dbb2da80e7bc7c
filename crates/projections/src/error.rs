/// Why a projection did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// The projection met an event that it can't understand and stays before it.
    #[error(
        "{projection} stops before event {position} ({kind}): {problem}; what it shows ends there. \
         Run a version of tramonto that knows the event, or `tramonto store rebuild` where the \
         projection itself is in doubt"
    )]
    Stopped {
        /// Which projection.
        projection: &'static str,
        /// The event's position.
        position: u64,
        /// The event's kind.
        kind: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The log ends before the projection's checkpoint.
    #[error(
        "{projection} has read up to event {checkpoint}, but the log ends at {head}: it was \
         restored from an older backup; run `tramonto store rebuild`"
    )]
    LogShorter {
        /// Which projection.
        projection: &'static str,
        /// Where the projection stands.
        checkpoint: u64,
        /// Where the log ends.
        head: u64,
    },
    /// The projection was derived from another log.
    #[error(
        "{place} was derived from another log, or from events that a restored backup no longer \
         has; run `tramonto store rebuild`"
    )]
    OtherLog {
        /// Which file.
        place: String,
    },
    /// Another process has the lease and moves it.
    #[error(
        "another projector has taken over {place}; leave the work to it, or stop it and wait half \
         a minute"
    )]
    TakenOver {
        /// Which server.
        place: String,
    },
    /// The database failed.
    #[error("projection {}", .0.with_remedy("run `tramonto store rebuild`"))]
    Store(#[from] sql::Error),
    /// Files that are to be built again could not be removed.
    #[error("{place} can't be removed; look at its rights and those of its folder")]
    Remove {
        /// Which file.
        place: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Log(error) => error.may_retry(),
            Self::Store(error) => error.may_retry(),
            Self::TakenOver { .. } => true,
            Self::Stopped { .. }
            | Self::LogShorter { .. }
            | Self::OtherLog { .. }
            | Self::Remove { .. } => false,
        }
    }

    /// What a failure to read the log means to the projection that reads it.
    pub(crate) fn reading(projection: &'static str, error: eventstore::Error) -> Self {
        if let eventstore::Error::LogShorter { checkpoint, head } = error {
            return Self::LogShorter { projection, checkpoint, head };
        }
        if let eventstore::Error::Undecodable { position, kind, problem, .. } = error {
            return Self::Stopped { projection, position, kind, problem };
        }
        Self::Log(error)
    }
}
