//! The texts of a message, extracted within bounds on depth, parts and bytes.
//!
//! A certified-mail envelope is opened once: the message inside counts, not the text that the
//! provider wrote around it.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::html::html_to_text;
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};

use crate::certified::{inner_message, is_envelope};
use crate::mime::{Encoding, body, boundary, content, decoded, encoding, part_headers, parts};
use crate::{Automatic, Headers};

/// How much of a message is read.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The whole message, in bytes.
    pub size: usize,
    /// Parts inside parts, and messages inside messages.
    pub depth: usize,
    /// Parts altogether.
    pub parts: usize,
    /// Text altogether, in bytes of UTF-8; the rest is not read.
    pub text: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { size: 25 * 1024 * 1024, depth: 20, parts: 200, text: 256 * 1024 }
    }
}

/// Why the texts of a message can't be extracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextError {
    /// Nested deeper than the bound.
    TooDeep,
    /// More parts than the bound.
    TooManyParts,
}

/// The texts of a message, and other properties found while extracting them.
#[derive(Default)]
pub struct Texts {
    /// The texts.
    pub texts: Vec<String>,
    /// The kind of automatic message inside an envelope.
    pub automatic: Option<Automatic>,
    /// Some encoding is broken.
    pub broken: bool,
    /// There is a part in Outlook's format (TNEF).
    pub winmail: bool,
}

/// Extracts the texts that a reader sees.
pub fn extract(bytes: &[u8], bounds: &Bounds) -> Result<Texts, TextError> {
    let mut walk = Walk::within(bounds);
    walk.message(bytes, 0)?;
    Ok(walk.found)
}

/// Extracts the texts of every part, attachments, headers and the envelope included; false if a
/// bound was hit and some are missing.
pub fn extract_all(bytes: &[u8], bounds: &Bounds) -> (Texts, bool) {
    let mut walk = Walk { all: true, ..Walk::within(bounds) };
    let headers = part_headers(bytes);
    for header in headers.iter().flat_map(Message::headers) {
        if let Some(text) = header.value().as_text() {
            walk.take(text);
        }
        for address in header.value().as_address().into_iter().flat_map(|list| list.iter()) {
            walk.take(address.name().unwrap_or_default());
            walk.take(address.address().unwrap_or_default());
        }
    }
    let whole = walk.part(bytes, 0).is_ok();
    (walk.found, whole)
}

struct Walk<'a> {
    bounds: &'a Bounds,
    parts: usize,
    /// Bytes of text that may still be taken.
    left: usize,
    /// Take attachments as text too.
    all: bool,
    found: Texts,
}

impl<'a> Walk<'a> {
    fn within(bounds: &'a Bounds) -> Self {
        Self { bounds, parts: 0, left: bounds.text, all: false, found: Texts::default() }
    }

    /// A whole message, outermost or nested.
    fn message(&mut self, bytes: &[u8], depth: usize) -> Result<(), TextError> {
        let Some(message) = Headers::parse(bytes) else {
            self.found.broken = true;
            return Ok(());
        };
        if depth == 0 && is_envelope(&message) {
            match inner_message(bytes, &message.0, || self.count())? {
                Some(inner) => {
                    let headers = Headers::parse(&inner);
                    self.found.automatic = headers.and_then(|inner| Automatic::of(&inner, None));
                    // Not opened again: an envelope inside is a message that was forwarded.
                    return self.message(&inner, depth + 1);
                }
                None => self.found.broken = true,
            }
        }
        if depth > 0 {
            self.take(message.subject());
        }
        self.part(bytes, depth)
    }

    /// A part: a multipart, a message, a text or an attachment.
    fn part(&mut self, bytes: &[u8], depth: usize) -> Result<(), TextError> {
        self.count()?;
        if depth > self.bounds.depth {
            return Err(TextError::TooDeep);
        }
        let Some(headers) = part_headers(bytes) else {
            // Without headers a part is plain text (RFC 2046, 5.1).
            self.take(&String::from_utf8_lossy(bytes));
            return Ok(());
        };
        if let Some(boundary) = boundary(&headers) {
            let mut any = false;
            for part in parts(body(bytes), boundary.as_bytes()) {
                any = true;
                self.part(part, depth + 1)?;
            }
            if !any {
                self.found.broken = true;
                self.take(&String::from_utf8_lossy(body(bytes)));
            }
            return Ok(());
        }
        if headers.is_content_type("message", "rfc822")
            || headers.is_content_type("message", "global")
        {
            if let Some(inner) = content(bytes, &headers) {
                return self.message(&inner, depth + 1);
            }
            self.found.broken = true;
            return Ok(());
        }
        let name = headers.attachment_name().unwrap_or_default();
        if headers.is_content_type("application", "ms-tnef")
            || name.eq_ignore_ascii_case("winmail.dat")
        {
            self.found.winmail = true;
            self.attached(bytes, encoding(&headers));
            return Ok(());
        }
        let kind = headers.content_type();
        if kind.is_none_or(|kind| kind.ctype().eq_ignore_ascii_case("text")) {
            self.text(bytes, encoding(&headers));
        } else {
            self.attached(bytes, encoding(&headers));
        }
        Ok(())
    }

    /// An attachment, as far as its bytes are text.
    fn attached(&mut self, bytes: &[u8], encoding: Encoding) {
        if !self.all {
            return;
        }
        // If its encoding is broken, it is taken undecoded.
        let content = decoded(body(bytes), encoding).unwrap_or(Cow::Borrowed(body(bytes)));
        self.take(&String::from_utf8_lossy(&content));
    }

    fn text(&mut self, bytes: &[u8], encoding: Encoding) {
        if encoding == Encoding::Base64 && base64_decode(body(bytes).trim_ascii()).is_none() {
            self.found.broken = true;
        }
        let message = MessageParser::default().parse(bytes);
        let part = message.as_ref().and_then(|message| message.parts.first());
        match part.map(|part| &part.body) {
            Some(PartType::Text(text)) => self.take(text),
            Some(PartType::Html(html)) => {
                let html = prefix(html, self.left.saturating_mul(4));
                self.take(&html_to_text(html));
            }
            Some(PartType::Binary(bytes) | PartType::InlineBinary(bytes)) => {
                self.take(&String::from_utf8_lossy(bytes));
            }
            Some(PartType::Message(_) | PartType::Multipart(_)) | None => {}
        }
    }

    fn take(&mut self, text: &str) {
        let text = prefix(text, self.left);
        self.left -= text.len();
        if !text.is_empty() {
            self.found.texts.push(text.to_owned());
        }
    }

    fn count(&mut self) -> Result<(), TextError> {
        self.parts += 1;
        if self.parts > self.bounds.parts { Err(TextError::TooManyParts) } else { Ok(()) }
    }
}

/// At most this many bytes from the start of a text.
fn prefix(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}
