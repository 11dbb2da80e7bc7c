//! A letter: an e-mail that we write, with its envelope.

use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};

/// The header that marks letters of the intake, by which one that comes back is recognised.
pub const MARK: &str = "X-Tramonto-Letter";

/// A letter, ready to be delivered. No `Debug` form: it is addressed, and may hold a voucher code.
pub struct Letter {
    /// The envelope sender, where bounces go; `None` is the null return path.
    pub return_path: Option<Address>,
    /// The recipient.
    pub to: Address,
    /// The whole message.
    pub bytes: Vec<u8>,
}

/// What a letter is written from.
pub struct Draft<'a> {
    /// The address in `From`.
    pub from: &'a Address,
    /// The envelope sender; `None` is the null return path.
    pub return_path: Option<Address>,
    /// The recipient.
    pub to: Address,
    /// The local part of its Message-ID; the domain is the sender's.
    pub id: &'a str,
    /// The Message-ID that it replies to, without brackets. It comes from a stranger: ignored if
    /// malformed.
    pub in_reply_to: Option<&'a str>,
    /// The subject.
    pub subject: String,
    /// The text, with lines that end in CR LF.
    pub text: String,
    /// The time in `Date`.
    pub date: DateTime<Utc>,
    /// Language tags, separated by commas.
    pub languages: &'a str,
    /// The value of `Auto-Submitted`.
    pub automatic: AutoSubmitted,
    /// More headers.
    pub headers: &'a [(&'static str, &'a str)],
}

/// The value of `Auto-Submitted` (RFC 3834, 5): vacation programs answer neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoSubmitted {
    /// Sent on our own initiative.
    Generated,
    /// Sent in reply to a message.
    Replied,
}

impl Letter {
    /// Parses a recipient. The error is a short code.
    pub fn recipient(address: &str) -> Result<Address, &'static str> {
        let address: Address = address.parse().map_err(|_form| "malformed-address")?;
        if address.user().is_ascii() && address.domain().is_ascii() {
            Ok(address)
        } else {
            Err("address-not-ascii")
        }
    }
}

/// Writes a letter. The error is a short code.
pub fn compose(draft: Draft<'_>) -> Result<Letter, &'static str> {
    let header = |name, value: &str| {
        HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
    };
    let automatic = match draft.automatic {
        AutoSubmitted::Generated => "auto-generated",
        AutoSubmitted::Replied => "auto-replied",
    };
    let mut message = Message::builder()
        .from(Mailbox::new(None, draft.from.clone()))
        .to(Mailbox::new(None, draft.to.clone()))
        .subject(draft.subject)
        .date(SystemTime::from(draft.date))
        .message_id(Some(format!("<{}@{}>", draft.id, draft.from.domain())))
        .raw_header(header("Auto-Submitted", automatic))
        .raw_header(header("Content-Language", draft.languages))
        .header(ContentType::TEXT_PLAIN);
    for (name, value) in draft.headers {
        message = message.raw_header(header(name, value));
    }
    if let Some(id) = draft.in_reply_to.filter(|id| is_message_id(id)) {
        let id = format!("<{id}>");
        message = message.in_reply_to(id.clone()).references(id);
    }
    let message = message.body(draft.text).map_err(|_form| "letter-malformed")?;
    Ok(Letter { return_path: draft.return_path, to: draft.to, bytes: message.formatted() })
}

/// Is this well-formed enough to be repeated?
fn is_message_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"' | b'\\');
    (3..=250).contains(&id.len()) && id.contains('@') && id.bytes().all(plain)
}
