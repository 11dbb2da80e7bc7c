/// Why a projection or the relay failed. [`Error::may_retry`] tells whether to retry it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// The projection cannot decode an event and stops before it.
    #[error(
        "{projection} stops before event {position} ({kind}): {problem}; use a version of tramonto \
         that supports the event, or run `tramonto store rebuild` if the projection is damaged"
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
        /// The projection's checkpoint.
        checkpoint: u64,
        /// The end of the log.
        head: u64,
    },
    /// The projection was derived from another log.
    #[error(
        "{place} was derived from another log, or from events that a restored backup no longer \
         has; run `tramonto store rebuild`"
    )]
    OtherLog {
        /// The file.
        place: String,
    },
    /// Another process holds the lease.
    #[error(
        "another projector has taken over {place}; leave the work to it, or stop it and wait half \
         a minute"
    )]
    TakenOver {
        /// The server.
        place: String,
    },
    /// The mirror could not be written or read.
    #[error(transparent)]
    Mirror(#[from] bus::Error),
    /// The mirror's last message is not in this log.
    #[error(
        "the mirror on the bus ends with an event that is not this log's event {position}: it \
         mirrors another log; check --store and --bus, or remove the stream, which is refilled \
         from the log"
    )]
    OtherMirror {
        /// The position of the mirror's last message.
        position: u64,
    },
    /// The mirror has events that are not in the log.
    #[error(
        "the mirror on the bus has event {mirrored}, but the log ends at {head}: the log was \
         restored from an older backup, or it is another one; check --store, or remove the stream, \
         which is refilled from the log"
    )]
    MirrorAhead {
        /// The position of the mirror's last message.
        mirrored: u64,
        /// The end of the log.
        head: u64,
    },
    /// The database failed.
    #[error("projection {0}")]
    Store(#[source] sql::Error),
    /// The rows are damaged. They are derived from the log and need no backup.
    #[error("projection {}", .0.with_remedy("run `tramonto store rebuild`"))]
    Damaged(sql::Damage),
    /// Files to be rebuilt could not be removed.
    #[error("{place} cannot be removed; check its permissions and those of its folder")]
    Remove {
        /// The file.
        place: String,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
}

impl From<sql::Error> for Error {
    fn from(error: sql::Error) -> Self {
        if let sql::Error::Corrupt(damage) = error {
            return Self::Damaged(damage);
        }
        Self::Store(error)
    }
}

impl Error {
    /// May the same call succeed later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Log(error) => error.may_retry(),
            Self::Store(error) => error.may_retry(),
            Self::Mirror(error) => error.may_retry(),
            Self::TakenOver { .. } => true,
            Self::Stopped { .. }
            | Self::LogShorter { .. }
            | Self::OtherLog { .. }
            | Self::Damaged(_)
            | Self::OtherMirror { .. }
            | Self::MirrorAhead { .. }
            | Self::Remove { .. } => false,
        }
    }

    /// Maps an error of reading the log for the projection that reads it.
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
