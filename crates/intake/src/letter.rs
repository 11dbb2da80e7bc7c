//! Letters of the intake: automatic replies, confirmations, vouchers, reminders; in Italian and in
//! English.
//!
//! Invariants: a letter declares that it is automatic and suppresses automatic replies (RFC 3834,
//! 3), carries our mark, and a reply has the null return path; of a stranger's message only the
//! Message-ID is repeated.

mod templates;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use lettre::Address;
use mail::{AutoSubmitted, Letter, MARK};

use crate::reading::Language;
use crate::store::LetterKind;

pub use templates::Templates;

/// The purpose of the keyed hash that seals a letter's number in its Message-ID.
pub(crate) const SEAL: &str = "intake-letter";

/// What a letter is written from.
pub(crate) struct Draft<'a> {
    /// The local part of its Message-ID: the sealed number.
    pub(crate) id: &'a str,
    pub(crate) kind: LetterKind,
    pub(crate) from: &'a Address,
    pub(crate) to: &'a str,
    /// Does it go to the sender of a message, rather than to a registered address?
    pub(crate) is_reply: bool,
    /// The Message-ID of the message that it replies to.
    pub(crate) in_reply_to: Option<&'a str>,
    pub(crate) language: Language,
    pub(crate) date: DateTime<Utc>,
    pub(crate) link: Option<&'a str>,
    pub(crate) code: Option<Code<'a>>,
    /// Why no voucher is granted, as a short code.
    pub(crate) why: Option<&'a str>,
    /// The last day on which the voucher can be redeemed, for a reminder.
    pub(crate) redeem_by: Option<NaiveDate>,
    /// When the link of an export expires, in the plan's zone.
    pub(crate) until: Option<NaiveDateTime>,
}

/// The voucher itself.
pub(crate) struct Code<'a> {
    pub(crate) shown: String,
    pub(crate) token: &'a str,
    pub(crate) redeem_by: Option<NaiveDate>,
}

/// Writes a letter. The error is a short code.
pub(crate) fn write(draft: &Draft<'_>, templates: &Templates) -> Result<Letter, &'static str> {
    let to = Letter::recipient(draft.to)?;
    let (subject, text) = templates.render(draft)?;
    let automatic = match draft.kind {
        LetterKind::Reminder | LetterKind::Extract => AutoSubmitted::Generated,
        LetterKind::Received
        | LetterKind::Help
        | LetterKind::Closed
        | LetterKind::Confirm
        | LetterKind::Granted
        | LetterKind::Refused => AutoSubmitted::Replied,
    };
    mail::compose(mail::Draft {
        from: draft.from,
        return_path: (!draft.is_reply).then(|| draft.from.clone()),
        to,
        id: draft.id,
        // A holder may never have sent the message that asked in their name.
        in_reply_to: draft.in_reply_to.filter(|_| draft.is_reply),
        subject,
        text,
        date: draft.date,
        languages: "it, en",
        automatic,
        headers: &[("X-Auto-Response-Suppress", "All"), (MARK, draft.kind.code())],
    })
}
