//! Parsers of mail log lines that concern a message.
//!
//! Deliberately absent: other lines (connections, logins, warnings), and anything that takes more
//! than one line.

mod dovecot;
mod postfix;

use crate::syslog::Line;

/// A parsed line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record<'a> {
    /// The client it came from.
    Client { queue: &'a str, host: &'a str, login: bool },
    /// Its Message-ID.
    MessageId { queue: &'a str, id: &'a str },
    /// Its subject.
    Subject { queue: &'a str, subject: &'a str },
    /// Queued, from this sender.
    From { queue: &'a str, sender: &'a str },
    /// The delivery status for one recipient.
    To { queue: &'a str, recipient: &'a str, original: Option<&'a str>, status: Status<'a> },
    /// A delivery report to its sender, which is a message of its own.
    Report { queue: &'a str, report: &'a str },
    /// Removed from the queue.
    Removed { queue: &'a str },
    /// Refused as a whole (`ends`), or for one recipient.
    Refused {
        sender: &'a str,
        recipient: &'a str,
        host: &'a str,
        queue: Option<&'a str>,
        ends: bool,
    },
    /// Stored in the mailbox.
    Stored { id: &'a str, recipient: &'a str },
}

/// The delivery status for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status<'a> {
    /// Another server accepted it under this queue id.
    Forwarded { next: Option<&'a str> },
    /// The mailbox's server accepted it.
    Delivered,
    /// Deferred.
    Delayed,
    /// Failed permanently.
    Failed,
}

/// Parses a line; `None` if it does not concern a message.
pub(crate) fn parse<'a>(line: &Line<'a>) -> Option<Record<'a>> {
    match line.program.rsplit_once('/') {
        Some((_, part)) => postfix::parse(part, line.text),
        None if line.program == "dovecot" => dovecot::parse(line.text),
        None => None,
    }
}

/// The text between two others.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

#[cfg(test)]
mod tests;
