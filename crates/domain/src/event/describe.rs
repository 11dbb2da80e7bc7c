//! Phrases that descriptions of events share.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::Standing;

/// A number of mailboxes, e.g. `1 mailbox`.
pub fn mailboxes(count: u64) -> String {
    if count == 1 { "1 mailbox".to_owned() } else { format!("{count} mailboxes") }
}

/// A delay as the end of a sentence, e.g. `, 3 h late`; empty where there was none.
pub fn late(seconds: u64) -> String {
    match seconds {
        0 => String::new(),
        1..120 => format!(", {seconds} s late"),
        120..7_200 => format!(", {} min late", seconds / 60),
        7_200..172_800 => format!(", {} h late", seconds / 3_600),
        _ => format!(", {} days late", seconds / 86_400),
    }
}

/// An instant to the second, in UTC (RFC 3339).
pub fn utc(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl Standing {
    /// The standing as a predicate, e.g. `allowed until 2027-07-17T22:00:00Z`.
    pub fn describe(self) -> String {
        match self {
            Self::Allowed => "allowed".to_owned(),
            Self::Until(end) => format!("allowed until {}", utc(end)),
            Self::Gone => "gone".to_owned(),
        }
    }
}
