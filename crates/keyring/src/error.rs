use std::io;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

/// Why the keys cannot be used. No error shows a key. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or a file in it cannot be read or written.
    #[error("the keys at {path} cannot be {what}; check the owner and permissions of the folder")]
    File {
        /// The folder or the file.
        path: PathBuf,
        /// The operation.
        what: &'static str,
        /// The error of the operating system.
        #[source]
        source: io::Error,
    },
    /// There are no keys.
    #[error(
        "there are no keys at {path}; restore them from their backup, or name their folder with \
         --keys"
    )]
    Missing {
        /// The missing file.
        path: PathBuf,
    },
    /// Others than the owner can read them.
    #[error(
        "others can read {path}; run `chmod {mode} {path}`, and rotate the keys if somebody did"
    )]
    Exposed {
        /// The folder or the file.
        path: PathBuf,
        /// The permissions it should have.
        mode: &'static str,
    },
    /// They are read-only here.
    #[error(
        "the keys at {path} are read-only here; rotate them where they were created, with \
         `tramonto key rotate --keys DIR --reason TEXT`, and give the new ones to every service"
    )]
    OnlyRead {
        /// The file, or the name of the source.
        path: PathBuf,
    },
    /// The file is not what this program wrote.
    #[error("the keys at {path} are damaged: {problem}; restore them from their backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, without the contents.
        problem: String,
    },
    /// The next key exists already.
    #[error(
        "key {kid} is already waiting to sign; keep it, or make a new one sign at once with \
         `tramonto key rotate --at-once --reason TEXT`"
    )]
    Waiting {
        /// The next key.
        kid: String,
    },
    /// There is no such key.
    #[error("there is no key {kid}; list them with `tramonto key list`")]
    Unknown {
        /// The requested key.
        kid: String,
    },
    /// The key is active or signs next.
    #[error(
        "key {kid} is active or next; make a new one sign first, with `tramonto key rotate \
         --at-once --reason TEXT`"
    )]
    Signs {
        /// The key.
        kid: String,
    },
    /// The key ends as early already.
    #[error(
        "key {kid} verifies until {verifies_until}; an end can be brought forward but not postponed"
    )]
    Ended {
        /// The key.
        kid: String,
        /// Its end.
        verifies_until: DateTime<Utc>,
    },
    /// The operating system gave no random bits.
    #[error("the operating system gave no random bits ({0}); try again")]
    Random(String),
    /// The claims have no JSON form.
    #[error("claims cannot be written as JSON")]
    Unsignable(#[source] jsonwebtoken::errors::Error),
}

impl Error {
    /// Whether the same may succeed later with the same keys: the operating system may admit it
    /// then, and a secret that is being replaced is missing for a moment.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::File { .. } | Self::Missing { .. } | Self::Random(_) => true,
            Self::Exposed { .. }
            | Self::OnlyRead { .. }
            | Self::Damaged { .. }
            | Self::Waiting { .. }
            | Self::Unknown { .. }
            | Self::Signs { .. }
            | Self::Ended { .. }
            | Self::Unsignable(_) => false,
        }
    }
}
