//! What no person wrote, or what asks not to be answered (RFC 3834, 2).

use mail_parser::Message;

use super::{MARK, Receipt};

/// Which machine wrote a message, or why it must not be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// One of our own letters came back.
    Loop,
    /// It went through more servers than a message does.
    Hops,
    /// A report about another message, or one without a return path (RFC 3464, RFC 5321 4.5.5).
    Bounce,
    /// An absence notice or another automatic answer (RFC 3834).
    AutoReply,
    /// A mailing list (RFC 2919, RFC 2369), or mail in bulk.
    Bulk,
    /// It asks for no automatic answers (Exchange's `X-Auto-Response-Suppress`).
    Unanswerable,
}

impl Machine {
    /// A short code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::Hops => "too-many-hops",
            Self::Bounce => "bounce",
            Self::AutoReply => "auto-reply",
            Self::Bulk => "bulk",
            Self::Unanswerable => "wants-no-answer",
        }
    }
}

/// Longer than any way that mail takes; Postfix's own bound is 50.
const MOST_HOPS: usize = 50;

/// Senders that are machines by their name alone (RFC 3834, 2; RFC 2142).
const NAMES: [&str; 5] = ["mailer-daemon", "postmaster", "noreply", "no-reply", "listserv"];

/// The machine that wrote a message; `None` where a person may have.
pub(super) fn machine(message: &Message<'_>, sender: Option<&str>) -> Option<Machine> {
    let raw =
        |name: &'static str| message.header_raw(name).map(|value| value.trim().to_lowercase());
    let is_there = |name: &'static str| message.header(name).is_some();
    let hops =
        message.headers().iter().filter(|header| header.name().eq_ignore_ascii_case("Received"));
    if is_there(MARK) {
        return Some(Machine::Loop);
    }
    if hops.count() > MOST_HOPS {
        return Some(Machine::Hops);
    }
    let report = raw("Content-Type").is_some_and(|kind| kind.starts_with("multipart/report"));
    let returned = raw("Return-Path").is_some_and(|path| path == "<>");
    if report || returned || sender == Some("") {
        return Some(Machine::Bounce);
    }
    let local = sender.and_then(|sender| sender.split(['@', '+']).next()).unwrap_or_default();
    let named = NAMES.iter().any(|name| local.eq_ignore_ascii_case(name))
        || local.to_ascii_lowercase().starts_with("owner-")
        || local.to_ascii_lowercase().ends_with("-request");
    let precedence = raw("Precedence").unwrap_or_default();
    let submitted = raw("Auto-Submitted").unwrap_or_default();
    let answered = ["X-Autoreply", "X-Autorespond", "X-Autoresponder"].into_iter().any(is_there);
    if !matches!(word(&submitted), "" | "no") || word(&precedence) == "auto_reply" || answered {
        return Some(Machine::AutoReply);
    }
    let list = ["List-Id", "List-Unsubscribe", "List-Post"].into_iter().any(is_there);
    if list || matches!(word(&precedence), "bulk" | "junk" | "list") || named {
        return Some(Machine::Bulk);
    }
    let suppress = raw("X-Auto-Response-Suppress").unwrap_or_default();
    let mut suppressed = suppress.split(',').map(str::trim);
    let suppressed = suppressed.any(|what| matches!(what, "all" | "autoreply" | "oof"));
    suppressed.then_some(Machine::Unanswerable)
}

/// The first word of a value, without parameters and comments.
fn word(value: &str) -> &str {
    value.split([' ', '\t', ';', '(', '\r', '\n']).next().unwrap_or_default()
}

/// The kind of a certified-mail provider's receipt; `None` where it is none.
pub(super) fn receipt(message: &Message<'_>) -> Option<Receipt> {
    let kind = message.header_raw("X-Ricevuta")?.trim().to_ascii_lowercase();
    Some(match kind.as_str() {
        "accettazione" => Receipt::Acceptance,
        "avvenuta-consegna" => Receipt::Delivery,
        "non-accettazione"
        | "rilevazione-virus"
        | "errore-consegna"
        | "preavviso-errore-consegna" => Receipt::Failure,
        _ => Receipt::Other,
    })
}
