//! From the text of an argument to its value; an error states the expected form.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use clap::builder::RangedU64ValueParser;
use engine::EngineSettings;

mod network;

pub(crate) use engine::cause;
pub use engine::queries::AsOf;
pub use engine::{LogTableUrl, MailboxRef as Target, Reason};
pub use network::{Listen, Seconds, ServerUrl};
pub(super) use network::{bus, effects, probed, relay};

/// No platform keeps an instant this many days ahead.
const LONGEST_ARMING: i64 = 3660;
/// The categories of the log's streams.
pub(super) const CATEGORIES: [&str; 13] = [
    "programme",
    "schedule",
    "registry",
    "mailbox",
    "outcome",
    "incident",
    "drift",
    "canary",
    "notice",
    "voucher",
    "keys",
    "archive",
    "erasure",
];

/// How long before its instant an end is armed on the platform; `None` for not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArmAhead(pub Option<Duration>);

impl Default for ArmAhead {
    fn default() -> Self {
        Self(EngineSettings::default().arm_ahead)
    }
}

impl FromStr for ArmAhead {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let days = text.strip_suffix('d').unwrap_or(text).parse::<i64>().ok();
        let days = days.filter(|days| (1..=LONGEST_ARMING).contains(days));
        days.map(|days| Self(Some(Duration::days(days)))).ok_or_else(|| {
            format!("write a number of days from 1 to {LONGEST_ARMING}, such as 14d, or off")
        })
    }
}

impl fmt::Display for ArmAhead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(ahead) => write!(f, "{}d", ahead.num_days()),
            None => f.write_str("off"),
        }
    }
}

/// An instant, in any offset.
pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text).map(|instant| instant.with_timezone(&Utc)).map_err(|error| {
        format!("{error}; write an instant with its offset, such as 2015-03-18T09:00:00Z")
    })
}

/// A civil date.
pub(super) fn date(text: &str) -> Result<NaiveDate, String> {
    text.parse().map_err(|error| format!("{error}; write a date such as 2015-03-18"))
}

/// A number of workers: beyond so many, they only wait for each other.
pub(super) fn workers() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=64)
}

/// A number of registrations: numbers of mailboxes are 32 bits wide, and the last one marks the
/// end.
pub(super) fn registrations() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(0..=4_000_000_000)
}

/// The name of an event kind.
pub(super) fn kind(text: &str) -> Result<String, String> {
    let known = domain::Event::KINDS.iter().map(|(name, _)| *name);
    if known.clone().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    Err(format!("unknown event kind; expected one of {}", known.collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests;
