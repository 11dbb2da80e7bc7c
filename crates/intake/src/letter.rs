//! Letters of the intake: automatic replies, confirmations, vouchers, reminders; in Italian and in
//! English.
//!
//! Invariants: a letter declares that it is automatic and suppresses automatic replies (RFC 3834,
//! 3), carries our mark, and a reply has the null return path; of a stranger's message only the
//! Message-ID is repeated.

mod templates;

use mail::AutoSubmitted;

use crate::store::LetterKind;

pub(crate) use templates::Fields;
pub use templates::Templates;

/// The purpose of the keyed hash that seals a letter's number in its Message-ID.
pub(crate) const SEAL: &str = "intake-letter";

/// How a letter declares that it is automatic.
pub(crate) fn automatic(kind: LetterKind) -> AutoSubmitted {
    match kind {
        LetterKind::Reminder | LetterKind::Export => AutoSubmitted::Generated,
        LetterKind::Received
        | LetterKind::Help
        | LetterKind::Closed
        | LetterKind::Confirm
        | LetterKind::Granted
        | LetterKind::Refused => AutoSubmitted::Replied,
    }
}
