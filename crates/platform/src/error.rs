use std::borrow::Cow;
use std::fmt;

/// The cause of a failure, as a short code by which failures are grouped: lower-case letters,
/// digits and hyphens, at most 60 of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cause(Cow<'static, str>);

impl Cause {
    /// The platform has no such mailbox.
    pub const UNKNOWN_MAILBOX: Self = Self(Cow::Borrowed("unknown-mailbox"));
    /// The platform does not enforce that capability.
    pub const NOT_CONTROLLED: Self = Self(Cow::Borrowed("not-controlled"));
    /// The platform is unreachable, busy or full.
    pub const UNAVAILABLE: Self = Self(Cow::Borrowed("platform-unavailable"));
    /// The platform's data is gone.
    pub const GONE: Self = Self(Cow::Borrowed("platform-gone"));
    /// The platform's data is damaged or has a foreign format.
    pub const UNUSABLE: Self = Self(Cow::Borrowed("platform-unusable"));

    /// A later decision was carried out before: the call came late.
    pub const SUPERSEDED: Self = Self(Cow::Borrowed("superseded"));

    const LONGEST: usize = 60;

    /// Derives a code from any text: `Quota exceeded!` becomes `quota-exceeded`. A text without
    /// letters or digits becomes `unknown`.
    pub fn new(text: &str) -> Self {
        let mut code = String::new();
        for letter in text.chars() {
            if code.len() >= Self::LONGEST {
                break;
            }
            if letter.is_ascii_alphanumeric() {
                code.push(letter.to_ascii_lowercase());
            } else if !code.is_empty() && !code.ends_with('-') {
                code.push('-');
            }
        }
        let code = code.trim_end_matches('-');
        Self(if code.is_empty() { Cow::Borrowed("unknown") } else { Cow::Owned(code.to_owned()) })
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a whole call to a platform failed. [`Error::may_retry`] decides whether to retry it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The platform is busy, full, gone or unreachable; the same call may succeed later.
    #[error("{problem}")]
    Unavailable {
        /// The code under which the failure is counted.
        cause: Cause,
        /// What failed, where, and the next step.
        problem: String,
        /// The underlying error.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The platform will never carry this out.
    #[error("{problem}")]
    Refused {
        /// The code under which the failure is counted.
        cause: Cause,
        /// What failed, where, and the next step.
        problem: String,
    },
}

impl Error {
    /// May the same call succeed if it is retried later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Refused { .. } => false,
        }
    }

    /// The code under which the failure is counted.
    pub fn cause(&self) -> &Cause {
        match self {
            Self::Unavailable { cause, .. } | Self::Refused { cause, .. } => cause,
        }
    }
}
