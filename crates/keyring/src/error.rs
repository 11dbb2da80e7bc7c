use std::io;
use std::path::PathBuf;

use chrono::{DateTime, Utc};

/// Why the keys can't be used. None of them shows a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or a file in it can't be read or written.
    #[error("the keys at {path} can't be {what}; look at the folder's owner and rights")]
    File {
        /// The folder or the file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// There are none, and none were to be made.
    #[error(
        "there are no keys at {path}; put them back from their backup, or name their folder with --keys"
    )]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// Others than the owner can read them.
    #[error(
        "others can read {path}; run `chmod {mode} {path}`, and rotate the keys if somebody did"
    )]
    Exposed {
        /// The folder or the file.
        path: PathBuf,
        /// The rights it should have.
        mode: &'static str,
    },
    /// They are somebody else's to change.
    #[error(
        "the keys at {path} are only read here; rotate them where they were made, with `tramonto voucher \
         keys rotate --keys DIR`, and give the new ones to every service"
    )]
    OnlyRead {
        /// The file, or the name under which they were given.
        path: PathBuf,
    },
    /// It is not what this program wrote.
    #[error("the keys at {path} are damaged: {problem}; put them back from their backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, without what stands there.
        problem: String,
    },
    /// The key that signs next was made already.
    #[error(
        "key {kid} waits to sign already; let it, or have a new one sign at once with `tramonto key \
         rotate --at-once`"
    )]
    Waiting {
        /// The one that waits.
        kid: String,
    },
    /// There is no such key.
    #[error("there is no key {kid}; `tramonto key list` has them all")]
    Unknown {
        /// What was named.
        kid: String,
    },
    /// It signs, or is to.
    #[error(
        "key {kid} signs, or is to; have a new one sign first, with `tramonto key rotate --at-once`"
    )]
    Signs {
        /// Which.
        kid: String,
    },
    /// Its end is as early already.
    #[error(
        "key {kid} verifies until {verifies_until}; an end is brought forward and never put off"
    )]
    Ended {
        /// Which.
        kid: String,
        /// Its end.
        verifies_until: DateTime<Utc>,
    },
    /// The operating system gave no random bits.
    #[error("the operating system gave no random bits ({0}); try again")]
    Random(String),
    /// What was to be signed has no JSON.
    #[error("what was to be signed can't be written as JSON")]
    Unsignable(#[source] jsonwebtoken::errors::Error),
}

impl Error {
    /// May the same succeed later, with nothing of the keys changed? What the operating system refuses now it may grant
    /// later, and a secret that is exchanged is not there for a moment.
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
