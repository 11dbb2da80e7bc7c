//! The letter of one notice.
//!
//! Invariant: its Message-ID and return path follow from programme, notice and mailbox alone, so
//! that a retry is the same letter and a bounce identifies its mailbox.

use domain::MAILBOX;
use mail::{AutoSubmitted, Draft, Letter, NoticeId, ReturnPath};

use super::mailer::{Batch, Contact};

/// Writes the letter to one holder. The error is a short code: why no letter can be written.
pub(super) fn write(
    batch: &Batch<'_>,
    from: &ReturnPath,
    contact: &Contact,
) -> Result<Letter, &'static str> {
    let number = contact.number;
    // Most holders never activated their mailbox: the address for notices comes first.
    let own = || batch.receiving.contains(number).then_some(contact.address.as_str());
    let to = Letter::recipient(contact.notify.as_deref().or_else(own).ok_or("no-address")?)?;
    let id = NoticeId { notice: batch.notice.clone(), number };
    let languages: Vec<_> = batch.wording.languages.iter().map(|one| one.tag()).collect();
    mail::compose(Draft {
        from: from.address(),
        return_path: Some(from.of(batch.notice, number)?),
        to,
        id: &id.local_part(batch.programme),
        in_reply_to: None,
        subject: batch.wording.subject.replace(MAILBOX, &contact.address),
        text: batch.wording.text.replace(MAILBOX, &contact.address),
        date: batch.date,
        languages: &languages.join(", "),
        automatic: AutoSubmitted::Generated,
        headers: &[("Precedence", "bulk")],
    })
}
