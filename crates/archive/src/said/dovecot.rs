//! The lines of Dovecot's delivery: what it put into a mailbox.
//!
//! `lmtp(anna@mail.example)<12><abc>: msgid=<…>: saved mail to INBOX`, in older versions
//! `lmtp(12, anna@mail.example): abc: msgid=<…>: …`; `sieve: ` may stand before `msgid`, and `stored mail
//! into mailbox` for `saved mail to`.

use super::Said;

/// What Dovecot says.
pub(super) fn said(text: &str) -> Option<Said<'_>> {
    let (service, rest) = text.split_once('(')?;
    if !matches!(service, "lmtp" | "lda") {
        return None;
    }
    let (user, rest) = rest.split_once(')')?;
    let recipient = user.rsplit_once(", ").map_or(user, |(_, user)| user);
    let (_, rest) = rest.split_once("msgid=")?;
    let (id, what) = rest.split_once(": ")?;
    let stored = what.starts_with("saved mail to") || what.starts_with("stored mail into mailbox");
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    (stored && recipient.contains('@') && !id.is_empty()).then_some(Said::Stored { id, recipient })
}
