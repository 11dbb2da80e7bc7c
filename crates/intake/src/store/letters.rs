//! Letters as they are queued.

use chrono::{DateTime, Utc};
use sql::{Param, Transaction};

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
    Extract,
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

macro_rules! codes {
    ($type:ident { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl $type {
            /// The code that is stored and shown.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub(super) fn read(code: &str) -> Result<Self, String> {
                match code {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(concat!("unknown ", stringify!($type)).to_owned()),
                }
            }
        }
    };
}

codes!(LetterKind {
    Received = "received", Help = "help", Closed = "closed", Confirm = "confirm",
    Granted = "granted", Refused = "refused", Reminder = "reminder",
    Extract = "extract",
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
    let given = vec![
        Param::Text(new.kind.code().to_owned()),
        Param::Number(new.message),
        Param::OptionalNumber(new.mailbox.map(i64::from)),
        Param::Text(new.route.code().to_owned()),
        Param::OptionalText(new.why.map(str::to_owned)),
        Param::Number(micros(now)),
    ];
    writing.run(WRITE, given).await?;
    Ok(())
}
