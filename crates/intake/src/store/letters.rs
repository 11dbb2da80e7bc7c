//! What a letter is, before it is sent.

use chrono::{DateTime, Utc};
use sql::{Given, Writing};

use super::micros;
use crate::Error;

/// What a letter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterKind {
    /// A request came: the same for everybody.
    Received,
    /// How a request is written.
    Help,
    /// Vouchers can't be asked for now.
    Closed,
    /// The holder is asked to confirm.
    Confirm,
    /// The voucher.
    Granted,
    /// No voucher, and why.
    Refused,
    /// A voucher that lies unused.
    Reminder,
    /// The link of an extract of the log of messages.
    Extract,
}

/// Whom a letter goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Whoever wrote.
    Sender,
    /// The mailbox that is closing.
    Mailbox,
    /// The holder's address for notices.
    Notice,
}

macro_rules! codes {
    ($type:ident { $($variant:ident = $code:literal),+ $(,)? }) => {
        impl $type {
            /// As it is stored and shown.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub(super) fn read(code: &str) -> Result<Self, String> {
                match code {
                    $($code => Ok(Self::$variant),)+
                    _ => Err("a letter is of no kind that this program knows".to_owned()),
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

/// The message of a letter that answers none.
pub(super) const NONE: i64 = 0;

/// A letter that is new.
pub(crate) struct New<'a> {
    pub(crate) kind: LetterKind,
    pub(crate) message: i64,
    pub(crate) mailbox: Option<u32>,
    pub(crate) route: Route,
    pub(crate) why: Option<&'a str>,
}

/// Writes a letter down, to be sent.
pub(super) async fn write(
    writing: &mut Writing<'_>,
    new: New<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    const WRITE: &str = "
        INSERT INTO letter (kind, message, mailbox, route, why, standing, made_at, due_at, attempts)
        VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $6, 0)";
    let given = vec![
        Given::Text(new.kind.code().to_owned()),
        Given::Number(new.message),
        Given::PerhapsNumber(new.mailbox.map(i64::from)),
        Given::Text(new.route.code().to_owned()),
        Given::Perhaps(new.why.map(str::to_owned)),
        Given::Number(micros(now)),
    ];
    writing.run(WRITE, given).await?;
    Ok(())
}
