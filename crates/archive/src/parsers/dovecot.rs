//! Lines of Dovecot's delivery agents.
//!
//! `lmtp(anna@mail.example)<12><abc>: msgid=<…>: saved mail to INBOX`, in older versions `lmtp(12,
//! anna@mail.example): abc: msgid=<…>: …`; `sieve: ` may stand before `msgid`, and `stored mail
//! into mailbox` for `saved mail to`.

use super::Record;

/// Parses a line's text.
pub(super) fn parse(text: &str) -> Option<Record<'_>> {
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
    (stored && recipient.contains('@') && !id.is_empty())
        .then_some(Record::Stored { id, recipient })
}
