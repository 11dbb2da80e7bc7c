//! What a mail server says in a line, as far as it is about a message.
//!
//! Deliberately absent: everything else that a mail server logs (connections, logins, warnings), and any
//! meaning that takes more than one line.

mod dovecot;
mod postfix;

use crate::syslog::Line;

/// What is said of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// It comes from this client.
    Client { queue: &'a str, host: &'a str, login: bool },
    /// Its unique identifier.
    MessageId { queue: &'a str, id: &'a str },
    /// Its subject.
    Subject { queue: &'a str, subject: &'a str },
    /// It is in the queue, from this sender.
    From { queue: &'a str, sender: &'a str },
    /// What became of it for one recipient.
    To { queue: &'a str, recipient: &'a str, original: Option<&'a str>, fate: Fate<'a> },
    /// Its sender is sent a report, which is a message of its own.
    Report { queue: &'a str, report: &'a str },
    /// All of it is done.
    Removed { queue: &'a str },
    /// It was turned away: as a whole, or for one recipient while it goes on to others.
    Refused {
        sender: &'a str,
        recipient: &'a str,
        host: &'a str,
        queue: Option<&'a str>,
        ends: bool,
    },
    /// The mailbox's server put it into the mailbox.
    Stored { id: &'a str, recipient: &'a str },
}

/// What became of a message for one recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate<'a> {
    /// Another server took it, and knows it by this name.
    Forwarded { next: Option<&'a str> },
    /// The mailbox's server took it.
    Delivered,
    /// Not yet.
    Delayed,
    /// Not at all.
    Failed,
}

/// What a line says of a message, if it does.
pub(crate) fn said<'a>(line: &Line<'a>) -> Option<Said<'a>> {
    match line.program.rsplit_once('/') {
        Some((_, part)) => postfix::said(part, line.text),
        None if line.program == "dovecot" => dovecot::said(line.text),
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
