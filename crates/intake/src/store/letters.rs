//! Letters as they are queued.

use chrono::{DateTime, Utc};
use sql::{Transaction, params};

use super::micros;
use crate::Error;

/// The kind of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterKind {
    /// A request was received: the same reply for everyone.
    Received,
    /// How to write a request.
    Help,
    /// The voucher window is closed.
    Closed,
    /// A request for confirmation.
    Confirm,
    /// The voucher.
    Granted,
    /// No voucher, and why.
    Refused,
    /// A reminder of an unused voucher.
    Reminder,
    /// The link of a message-log export.
    Export,
}

/// The recipient of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// The sender of the message.
    Sender,
    /// The closing mailbox.
    Mailbox,
    /// The holder's address for notices.
    Notice,
}

codes!(LetterKind {
    Received = "received", Help = "help", Closed = "closed", Confirm = "confirm",
    Granted = "granted", Refused = "refused", Reminder = "reminder",
    Export = "export",
});
codes!(Route { Sender = "sender", Mailbox = "mailbox", Notice = "notice" });

/// The message number of letters that reply to none.
pub(super) const NONE: i64 = 0;

/// A letter to be queued.
pub(crate) struct NewLetter<'a> {
    pub(crate) kind: LetterKind,
    pub(crate) message: i64,
    pub(crate) mailbox: Option<u32>,
    pub(crate) route: Route,
    pub(crate) why: Option<&'a str>,
}

/// Queues a letter.
pub(super) async fn write(
    writing: &mut Transaction<'_>,
    new: NewLetter<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    const WRITE: &str = "
        INSERT INTO letter (kind, message, mailbox, route, why, status, created_at, due_at, \
        attempts)
        VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $6, 0)";
    let NewLetter { kind, message, mailbox, route, why } = new;
    let given = params![kind.code(), message, mailbox, route.code(), why, micros(now)];
    writing.run(WRITE, given).await?;
    Ok(())
}
