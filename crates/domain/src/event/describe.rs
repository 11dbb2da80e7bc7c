//! Phrases that descriptions of events share.

use chrono::{DateTime, SecondsFormat, Utc};

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

/// A number of attempts, e.g. `1 attempt`.
pub(super) fn attempts(count: u32) -> String {
    if count == 1 { "1 attempt".to_owned() } else { format!("{count} attempts") }
}
