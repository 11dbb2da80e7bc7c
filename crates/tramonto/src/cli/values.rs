//! From the text of an argument to its value; an error says what to write.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use clap::builder::RangedU64ValueParser;
use domain::MailboxId;
use platform::Faults;

mod log_table;
mod network;
mod private;

pub use log_table::LogTablePlace;
pub use network::{BusPlace, DoorUrl, Listen, Seconds, SmtpPlace};
pub(super) use network::{USUAL_LISTEN, effects};

/// Numbers of mailboxes are 32 bits wide, and the last one marks the end.
const REGISTRATIONS: RangeInclusive<u64> = 0..=4_000_000_000;
/// Beyond so many, workers only wait for each other.
const MOST_WORKERS: usize = 64;
/// Years ahead no platform keeps an instant.
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
const LONGEST_REASON: usize = 500;
const LONGEST_ACTOR: usize = 80;

/// How long ahead the platform is told its instants; `None` for not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArmAhead(pub Option<Duration>);

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

/// As of when something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// The end of that day in the plan's zone.
    Day(NaiveDate),
    /// That instant.
    Instant(DateTime<Utc>),
}

impl FromStr for AsOf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(day) = text.parse() {
            return Ok(Self::Day(day));
        }
        instant(text).map(Self::Instant).map_err(|_not_that_either| {
            "write a date such as 2015-03-18 or an instant such as 2015-03-18T09:00:00Z".to_owned()
        })
    }
}

/// Which mailbox is meant. Its `Debug` form shows no address.
#[derive(Clone, PartialEq, Eq)]
pub enum Target {
    /// The one that was asked for under this address.
    Address(String),
    /// The one of this id.
    Id(MailboxId),
    /// The one of this number in the log's sets.
    Number(u32),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains('@') {
            return Ok(Self::Address(text.to_owned()));
        }
        let (number, id) = (text.parse().map(Self::Number), text.parse().map(Self::Id));
        number.ok().or(id.ok()).ok_or_else(|| {
            "write an address, the id that `mailbox show` prints, or a number of the log".to_owned()
        })
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(_) => f.write_str("Address"),
            Self::Id(id) => write!(f, "Id({id})"),
            Self::Number(number) => write!(f, "Number({number})"),
        }
    }
}

/// Why an operator does something: a text that holds no personal data that can be told by its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        recordable("a reason", text, LONGEST_REASON).map(Self)
    }
}

/// Who acts, as it is recorded.
pub(super) fn actor(text: &str) -> Result<String, String> {
    recordable("an actor", text, LONGEST_ACTOR)
}

/// The log is kept for ever and holders have a right to be forgotten: what is written to it names
/// nobody.
fn recordable(what: &str, text: &str, longest: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("{what} can't be empty; write a few words"));
    }
    if text.chars().count() > longest {
        return Err(format!("{what} has at most {longest} characters; write a shorter one"));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} is one line of plain text; leave control characters out"));
    }
    if let Some(found) = private::found_in(text) {
        return Err(format!(
            "{what} is kept in the log for ever and can't hold {found}; write a file number instead"
        ));
    }
    Ok(text.to_owned())
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

/// The rates of a platform's faults.
pub(super) fn faults(text: &str) -> Result<Faults, String> {
    text.parse()
}

/// A short code for a cause, which is counted.
pub(crate) fn cause(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=40).contains(&text.len()) && text.bytes().all(plain) {
        return recordable("a cause", text, 40);
    }
    Err("write 1 to 40 lower-case letters, digits and hyphens, such as not-the-holder".to_owned())
}

/// A number of workers.
pub(super) fn workers(text: &str) -> Result<usize, String> {
    let count = text.parse::<usize>().ok();
    count
        .filter(|count| (1..=MOST_WORKERS).contains(count))
        .ok_or_else(|| format!("write a number from 1 to {MOST_WORKERS}"))
}

/// A number of registrations.
pub(super) fn registrations() -> RangedU64ValueParser<u32> {
    RangedU64ValueParser::new().range(REGISTRATIONS)
}

/// The name of an event kind.
pub(super) fn kind(text: &str) -> Result<String, String> {
    let known = domain::Event::KINDS.iter().map(|(name, _)| *name);
    if known.clone().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    Err(format!("there is no such kind; write one of {}", known.collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests;
