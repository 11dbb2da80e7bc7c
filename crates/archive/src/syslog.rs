//! Parses syslog lines: instant, host, program, text.
//!
//! Time stamps are those of RFC 3164 (local time without a year) or RFC 3339. The year follows from
//! the previous lines: after December it advances. When clocks are set back, the previous lines
//! disambiguate the repeated hour.

mod stamp;

use chrono::{DateTime, Utc};

pub(crate) use stamp::Stamps;

/// A parsed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) at: DateTime<Utc>,
    pub(crate) host: &'a str,
    /// With its instance: `postfix/smtpd`, `postfix-out/smtp`, `dovecot`.
    pub(crate) program: &'a str,
    pub(crate) text: &'a str,
}

/// Parses a line; `None` if it is not syslog.
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
