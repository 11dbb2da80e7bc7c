use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Why a projection did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] eventstore::Error),
    /// The projection met an event that it can't understand and stays before it.
    #[error(
        "{projection} stops before event {position} ({kind}): {problem}; what it shows ends there. \
         Run a version of tramonto that knows the event, or `tramonto projections rebuild` where the \
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
        "{projection} has read up to event {checkpoint}, but the log ends at {head}: it was restored \
         from an older backup; run `tramonto projections rebuild`"
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
        "{place} was derived from another log, or from events that a restored backup no longer has; \
         run `tramonto projections rebuild`"
    )]
    OtherLog {
        /// Which file.
        place: String,
    },
    /// The file is busy, or its disk is full or failing; the same call may succeed later.
    #[error("the projection {place} is unavailable: {advice}")]
    Unavailable {
        /// Which file.
        place: String,
        /// What to do about it.
        advice: &'static str,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// What is stored can't be what this program wrote.
    #[error("the projection {place} is damaged: {problem}; run `tramonto projections rebuild`")]
    Corrupt {
        /// Which file.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// The file can't be opened by this program.
    #[error("{place} can't be opened as a projection: {problem}")]
    Unusable {
        /// Which file.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
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
    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Log(error) => error.may_retry(),
            Self::Unavailable { .. } => true,
            Self::Stopped { .. }
            | Self::LogShorter { .. }
            | Self::OtherLog { .. }
            | Self::Corrupt { .. }
            | Self::Unusable { .. }
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

/// Where a projection is kept, as it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Place(Arc<str>);

impl Place {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.display().to_string().into())
    }

    pub(crate) fn unusable(&self, problem: impl Into<String>) -> Error {
        Error::Unusable { place: self.to_string(), problem: problem.into() }
    }

    pub(crate) fn corrupt(&self, problem: impl fmt::Display) -> Error {
        Error::Corrupt { place: self.to_string(), problem: problem.to_string() }
    }

    pub(crate) fn other_log(&self) -> Error {
        Error::OtherLog { place: self.to_string() }
    }

    /// What a failure of the database means, by its primary result code.
    pub(crate) fn fault(&self, source: sqlx::Error) -> Error {
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let primary = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
        let advice = match primary {
            Some(5 | 6) => "another process is writing to it; stop that one or try again",
            Some(13) => "the disk is full; free some space and try again, nothing is lost",
            Some(10) => "the disk failed to read or write; look at the disk and try again",
            Some(11) => return self.corrupt("the file is truncated or overwritten"),
            Some(26) => return self.corrupt("it is no SQLite database"),
            Some(3 | 8) => return self.unusable("it can't be written to; look at its rights"),
            Some(14) => return self.unusable("it can't be read or written; look at its rights"),
            Some(_) => return self.corrupt(format_args!("the database says {source}")),
            None => "its connection is busy or broke; try again",
        };
        Error::Unavailable { place: self.to_string(), advice, source }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
