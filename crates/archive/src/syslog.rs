//! A line of syslog taken apart: when, on which machine, by which program, and what it says.
//!
//! Both forms of the time stamp: that of RFC 3164, in the zone of the machine and without a year, and that
//! of RFC 3339. A year is followed through a file: months go on, and after December comes the next one.
//! Where the clocks go back, the hour that comes twice is told apart by the lines before.

mod stamp;

use chrono::{DateTime, Utc};

pub(crate) use stamp::Stamps;

/// A line's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) at: DateTime<Utc>,
    pub(crate) host: &'a str,
    /// With its instance: `postfix/smtpd`, `postfix-out/smtp`, `dovecot`.
    pub(crate) program: &'a str,
    pub(crate) text: &'a str,
}

/// Takes a line apart; `None` where it is no line of syslog.
pub(crate) fn line<'a>(line: &'a str, stamps: &mut Stamps) -> Option<Line<'a>> {
    let (at, rest) = stamps.read(line)?;
    let (host, rest) = rest.split_once(' ')?;
    let (tag, text) = rest.split_once(": ")?;
    let program = tag.split_once('[').map_or(tag, |(program, _)| program);
    if host.is_empty() || program.is_empty() || program.contains(' ') {
        return None;
    }
    Some(Line { at, host, program, text })
}
