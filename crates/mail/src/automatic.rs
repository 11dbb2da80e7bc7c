//! Automatic messages: those that no person wrote, or that ask for no automatic reply (RFC 3834,
//! 2).

use crate::{Headers, MARK};

/// The most `Received` headers of legitimate mail; Postfix's own bound is 50.
const MOST_HOPS: usize = 50;

/// Local parts of senders that never are persons (RFC 3834, 2; RFC 2142).
const ROBOTS: [&str; 5] = ["mailer-daemon", "postmaster", "noreply", "no-reply", "listserv"];

/// The kind of automatic message. None of them may be replied to automatically.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Automatic {
    /// One of our own letters, sent back to us.
    Loop,
    /// It passed more servers than legitimate mail does.
    TooManyHops,
    /// A delivery report, or any message with the null return path (RFC 3464; RFC 5321, 4.5.5).
    Bounce,
    /// A vacation message or another automatic reply (RFC 3834).
    AutoReply,
    /// A mailing list (RFC 2919, RFC 2369), or bulk mail.
    Bulk,
    /// It asks for no automatic reply (Exchange's `X-Auto-Response-Suppress`).
    Suppressed,
}

impl Automatic {
    /// A short code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Loop => "loop",
            Self::TooManyHops => "too-many-hops",
            Self::Bounce => "bounce",
            Self::AutoReply => "auto-reply",
            Self::Bulk => "bulk",
            Self::Suppressed => "wants-no-answer",
        }
    }

    /// The kind of an automatic message; `None` if a person may have written it. `sender` is the
    /// envelope sender.
    pub fn of(headers: &Headers<'_>, sender: Option<&str>) -> Option<Self> {
        let message = &headers.0;
        let raw =
            |name: &'static str| message.header_raw(name).map(|value| value.trim().to_lowercase());
        let has = |name: &'static str| message.header(name).is_some();
        let hops = message
            .headers()
            .iter()
            .filter(|header| header.name().eq_ignore_ascii_case("Received"));
        if has(MARK) {
            return Some(Self::Loop);
        }
        if hops.count() > MOST_HOPS {
            return Some(Self::TooManyHops);
        }
        let report = raw("Content-Type").is_some_and(|kind| kind.starts_with("multipart/report"));
        let returned = raw("Return-Path").is_some_and(|path| path == "<>");
        if report || returned || sender == Some("") {
            return Some(Self::Bounce);
        }
        let local = sender.and_then(|sender| sender.split(['@', '+']).next()).unwrap_or_default();
        let named = ROBOTS.iter().any(|name| local.eq_ignore_ascii_case(name))
            || local.to_ascii_lowercase().starts_with("owner-")
            || local.to_ascii_lowercase().ends_with("-request");
        let precedence = raw("Precedence").unwrap_or_default();
        let submitted = raw("Auto-Submitted").unwrap_or_default();
        let answered = ["X-Autoreply", "X-Autorespond", "X-Autoresponder"].into_iter().any(has);
        if !matches!(word(&submitted), "" | "no") || word(&precedence) == "auto_reply" || answered {
            return Some(Self::AutoReply);
        }
        let list = ["List-Id", "List-Unsubscribe", "List-Post"].into_iter().any(has);
        if list || matches!(word(&precedence), "bulk" | "junk" | "list") || named {
            return Some(Self::Bulk);
        }
        let suppress = raw("X-Auto-Response-Suppress").unwrap_or_default();
        let mut suppressed = suppress.split(',').map(str::trim);
        let suppressed = suppressed.any(|what| matches!(what, "all" | "autoreply" | "oof"));
        suppressed.then_some(Self::Suppressed)
    }
}

/// The first word of a header's value, without parameters and comments.
fn word(value: &str) -> &str {
    value.split([' ', '\t', ';', '(', '\r', '\n']).next().unwrap_or_default()
}
