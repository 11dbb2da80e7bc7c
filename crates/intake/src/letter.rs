//! Letters: what is answered, in Italian and in English, and the port to whatever carries them.
//!
//! Invariants: an answer says that a machine wrote it and asks for none (RFC 3834, 3), carries our mark, and
//! goes out with a null return path; nothing that a stranger wrote is repeated in it but the Message-ID.

pub(crate) mod id;
mod templates;

use std::time::SystemTime;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use lettre::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};

use crate::reading::{Language, MARK};
use crate::store::LetterKind;

pub use templates::Templates;

/// Carries letters.
#[async_trait]
pub trait Post: Send + Sync {
    /// Would it take anything now? The error is a short code.
    async fn ready(&self) -> Result<(), String>;

    /// Hands one letter over.
    async fn hand_over(&self, letter: Letter) -> Answer;
}

/// What became of a letter that was handed over. A cause is a short code and holds no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was taken.
    Accepted,
    /// Surely not this time.
    Deferred(String),
    /// It will not be taken.
    Refused(String),
    /// Nobody knows.
    InDoubt(String),
}

/// A letter that is ready. No `Debug` form: it is addressed, and may hold a code.
pub struct Letter {
    /// Where what comes back goes; nowhere without it.
    pub from: Option<Address>,
    /// Whom it is for.
    pub to: Address,
    /// The whole of it.
    pub bytes: Vec<u8>,
}

/// What a letter is written from.
pub(crate) struct Draft<'a> {
    /// What its Message-ID begins with; it tells nothing of how many letters there are.
    pub(crate) id: &'a str,
    pub(crate) kind: LetterKind,
    pub(crate) from: &'a Address,
    pub(crate) to: &'a str,
    /// Did whoever it goes to write to us? Else it goes to an address on record.
    pub(crate) is_answer: bool,
    pub(crate) answers: Option<&'a str>,
    pub(crate) language: Language,
    pub(crate) dated: DateTime<Utc>,
    pub(crate) link: Option<&'a str>,
    pub(crate) code: Option<Code<'a>>,
    pub(crate) why: Option<&'a str>,
    /// The last day on which the voucher can be redeemed, for a reminder.
    pub(crate) redeem_by: Option<NaiveDate>,
    /// Until when the link opens its extract, in the plan's zone.
    pub(crate) until: Option<NaiveDateTime>,
}

/// The voucher itself.
pub(crate) struct Code<'a> {
    pub(crate) shown: String,
    pub(crate) token: &'a str,
    pub(crate) redeem_by: Option<NaiveDate>,
}

/// Writes a letter. The error is a short code: why there is nobody to write to.
pub(crate) fn write(draft: &Draft<'_>, templates: &Templates) -> Result<Letter, &'static str> {
    let to: Address = draft.to.parse().map_err(|_form| "malformed-address")?;
    if !to.user().is_ascii() || !to.domain().is_ascii() {
        return Err("address-not-ascii");
    }
    let (subject, text) = templates.of(draft)?;
    let header = |name, value: &str| {
        HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
    };
    // What answers nobody says so (RFC 3834, 5).
    let alone = matches!(draft.kind, LetterKind::Reminder | LetterKind::Extract);
    let automatic = if alone { "auto-generated" } else { "auto-replied" };
    let id = format!("<{}@{}>", draft.id, draft.from.domain());
    let mut message = Message::builder()
        .from(Mailbox::new(None, draft.from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject(subject)
        .date(SystemTime::from(draft.dated))
        .message_id(Some(id))
        .raw_header(header("Auto-Submitted", automatic))
        .raw_header(header("X-Auto-Response-Suppress", "All"))
        .raw_header(header("Content-Language", "it, en"))
        .raw_header(header(MARK, draft.kind.code()))
        .header(ContentType::TEXT_PLAIN);
    // Only to whoever wrote: to others it names a message that they may never have sent.
    if let Some(id) = draft.answers.filter(|id| draft.is_answer && is_id(id)) {
        let id = format!("<{id}>");
        message = message.in_reply_to(id.clone()).references(id);
    }
    let message = message.body(text).map_err(|_form| "letter-malformed")?;
    let from = (!draft.is_answer).then(|| draft.from.clone());
    Ok(Letter { from, to, bytes: message.formatted() })
}

/// Only what has the form of a Message-ID is repeated.
fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"' | b'\\');
    (3..=250).contains(&id.len()) && id.contains('@') && id.bytes().all(plain)
}
