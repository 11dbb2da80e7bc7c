use std::fmt;
use std::path::Path;
use std::sync::Arc;

use domain::ProgrammeId;

/// Why the registry did not do what was asked. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is busy, or its disk is full or failing; the same call may succeed later.
    #[error("the registry {place} is unavailable: {advice}")]
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
    #[error("the registry {place} is damaged: {problem}; restore it from a backup")]
    Corrupt {
        /// Which file.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// The file can't be opened by this program.
    #[error("{place} can't be opened as a registry: {problem}")]
    Unusable {
        /// Which file.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The registry is that of another programme.
    #[error(
        "{place} is the registry of the programme {found}, not of {expected}: use its own plan, or another store"
    )]
    OtherProgramme {
        /// Which file.
        place: String,
        /// Whose it is.
        found: String,
        /// Whose it should have been.
        expected: ProgrammeId,
    },
}

impl Error {
    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// Where the registry is, as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Place(Arc<str>);

impl Place {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.display().to_string().into())
    }

    pub(super) fn unusable(&self, problem: impl Into<String>) -> Error {
        Error::Unusable { place: self.to_string(), problem: problem.into() }
    }

    pub(super) fn corrupt(&self, problem: impl fmt::Display) -> Error {
        Error::Corrupt { place: self.to_string(), problem: problem.to_string() }
    }

    /// What a failure of the database means, by its primary result code.
    pub(super) fn fault(&self, source: sqlx::Error) -> Error {
        let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let primary = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
        let advice = match primary {
            Some(5 | 6) => "another process is writing to it; stop that one or try again",
            Some(13) => "the disk is full; free some space and try again, nothing is lost",
            Some(10) => "the disk failed to read or write; look at the disk and try again",
            Some(11) => return self.corrupt("the file is truncated or overwritten"),
            Some(26) => return self.unusable("it is no SQLite database; give another path"),
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
