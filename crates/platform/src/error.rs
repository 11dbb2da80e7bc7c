use std::borrow::Cow;
use std::fmt;

/// Why something failed, as a short code that failures are grouped by: lower-case letters, digits
/// and hyphens, at most 60 of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cause(Cow<'static, str>);

impl Cause {
    /// The platform has no such mailbox.
    pub const UNKNOWN_MAILBOX: Self = Self(Cow::Borrowed("unknown-mailbox"));
    /// The platform doesn't enforce that capability.
    pub const NOT_CONTROLLED: Self = Self(Cow::Borrowed("not-controlled"));
    /// The platform is out of reach, busy or full.
    pub const UNAVAILABLE: Self = Self(Cow::Borrowed("platform-unavailable"));
    /// The platform's data is not there any more.
    pub const GONE: Self = Self(Cow::Borrowed("platform-gone"));
    /// The platform's data is damaged, or is no platform's data at all.
    pub const UNUSABLE: Self = Self(Cow::Borrowed("platform-unusable"));

    /// Something later was decided and carried out: the call came late.
    pub const SUPERSEDED: Self = Self(Cow::Borrowed("superseded"));

    const LONGEST: usize = 60;

    /// The code for a text of any form: `Quota exceeded!` becomes `quota-exceeded`. One in which
    /// nothing is left becomes `unknown`.
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

/// Why a whole call to a platform failed. The first question is [`Error::may_retry`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The platform is busy, full, gone or out of reach; the same call may succeed later.
    #[error("{problem}")]
    Unavailable {
        /// The code it is counted under.
        cause: Cause,
        /// What is wrong, where, and what to do about it.
        problem: String,
        /// What lies beneath.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The platform will never do this.
    #[error("{problem}")]
    Refused {
        /// The code it is counted under.
        cause: Cause,
        /// What is wrong, where, and what to do about it.
        problem: String,
    },
}

impl Error {
    /// May the same call succeed if it is simply made again later?
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Refused { .. } => false,
        }
    }

    /// The code it is counted under.
    pub fn cause(&self) -> &Cause {
        match self {
            Self::Unavailable { cause, .. } | Self::Refused { cause, .. } => cause,
        }
    }
}
