//! Through the parts of a message to its texts, never deeper and never more than the bounds say.
//!
//! What is asked of `mail-parser` is one part at a time: its headers, or the text of a part that holds no other.
//! A certified-mail envelope (`X-Trasporto: posta-certificata`) is opened once: what counts is the
//! `postacert.eml` inside, not what the provider wrote around it.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::html::html_to_text;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{HeaderName, Message, MessageParser, MimeHeaders, PartType};

use super::machine::{Machine, machine};
use super::{Bounds, Unreadable};

/// What the citizen's message is called inside the envelope (DM 2 November 2005, annex, 6.3.3).
const INSIDE: &str = "postacert.eml";

/// Texts of a message.
#[derive(Default)]
pub(super) struct Texts(Vec<String>);

impl Texts {
    pub(super) fn extend(&mut self, text: impl Into<String>) {
        self.0.push(text.into());
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// What was found on the way.
#[derive(Default)]
pub(super) struct Walked {
    pub(super) texts: Texts,
    /// The machine that wrote the message inside an envelope.
    pub(super) machine: Option<Machine>,
    /// Something was encoded in a broken way.
    pub(super) broken: bool,
    /// There is a part in the format of Outlook.
    pub(super) winmail: bool,
}

/// Is it a certified-mail provider's envelope around a message?
pub(super) fn is_envelope(message: &Message<'_>) -> bool {
    let kind = message.header_raw("X-Trasporto").map(str::trim);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("posta-certificata"))
}

/// Walks through a message.
pub(super) fn walk(bytes: &[u8], bounds: &Bounds) -> Result<Walked, Unreadable> {
    let mut walk = Walk::within(bounds);
    walk.message(bytes, 0)?;
    Ok(walk.found)
}

/// Walks through a message, also around what is in an envelope, and takes its headers for texts, and every part
/// whatever it is. Answers with what was found, and whether that was all: beyond the bounds it was not.
pub(super) fn everything(bytes: &[u8], bounds: &Bounds) -> (Walked, bool) {
    let mut walk = Walk { all: true, ..Walk::within(bounds) };
    let headers = MessageParser::default().parse_headers(bytes);
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
    /// Are attachments taken for texts too?
    all: bool,
    found: Walked,
}

/// How the content of a part is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Plain,
    Base64,
    QuotedPrintable,
}

impl<'a> Walk<'a> {
    fn within(bounds: &'a Bounds) -> Self {
        Self { bounds, parts: 0, left: bounds.text, all: false, found: Walked::default() }
    }

    /// A whole message, the outermost or one inside.
    fn message(&mut self, bytes: &[u8], depth: usize) -> Result<(), Unreadable> {
        let Some(message) = super::headers_of(bytes) else {
            self.found.broken = true;
            return Ok(());
        };
        if depth == 0 && is_envelope(&message) {
            match self.inside(bytes, &message)? {
                Some(inside) => {
                    let headers = super::headers_of(&inside);
                    self.found.machine = headers.and_then(|inner| machine(&inner, None));
                    // Not opened again: an envelope in it is a message that was passed on.
                    return self.message(&inside, depth + 1);
                }
                None => self.found.broken = true,
            }
        }
        if depth > 0 {
            self.take(message.subject().unwrap_or_default());
        }
        self.part(bytes, depth)
    }

    /// The message in an envelope: an attachment of the signed parts, or of the envelope itself.
    fn inside<'b>(
        &mut self,
        bytes: &'b [u8],
        message: &Message<'_>,
    ) -> Result<Option<Cow<'b, [u8]>>, Unreadable> {
        let mut levels = vec![(bytes, boundary(message))];
        for _ in 0..3 {
            let mut next = Vec::new();
            for (part, boundary) in levels {
                let Some(boundary) = boundary else { continue };
                for piece in pieces(body(part), boundary.as_bytes()) {
                    self.count()?;
                    let Some(headers) = MessageParser::default().parse_headers(piece) else {
                        continue;
                    };
                    if headers
                        .attachment_name()
                        .is_some_and(|name| name.eq_ignore_ascii_case(INSIDE))
                    {
                        return Ok(content(piece, &headers));
                    }
                    next.push((piece, self::boundary(&headers)));
                }
            }
            levels = next;
        }
        Ok(None)
    }

    /// A part: others inside it, a message, a text, or none of these.
    fn part(&mut self, bytes: &[u8], depth: usize) -> Result<(), Unreadable> {
        self.count()?;
        if depth > self.bounds.depth {
            return Err(Unreadable::TooDeep);
        }
        let Some(headers) = MessageParser::default().parse_headers(bytes) else {
            // Without headers a part is plain text (RFC 2046, 5.1).
            self.take(&String::from_utf8_lossy(bytes));
            return Ok(());
        };
        if let Some(boundary) = boundary(&headers) {
            let mut any = false;
            for piece in pieces(body(bytes), boundary.as_bytes()) {
                any = true;
                self.part(piece, depth + 1)?;
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

    /// What is attached, as far as its bytes are text.
    fn attached(&mut self, bytes: &[u8], encoding: Encoding) {
        if !self.all {
            return;
        }
        // What is encoded in a broken way is taken as it stands.
        let content = decoded(body(bytes), encoding).unwrap_or(Cow::Borrowed(body(bytes)));
        self.take(&String::from_utf8_lossy(&content));
    }

    fn text(&mut self, bytes: &[u8], encoding: Encoding) {
        if encoding == Encoding::Base64 && base64_decode(trimmed(body(bytes))).is_none() {
            self.found.broken = true;
        }
        let message = MessageParser::default().parse(bytes);
        let part = message.as_ref().and_then(|message| message.parts.first());
        match part.map(|part| &part.body) {
            Some(PartType::Text(text)) => self.take(text),
            Some(PartType::Html(html)) => {
                let html = until(html, self.left.saturating_mul(4));
                self.take(&html_to_text(html));
            }
            Some(PartType::Binary(bytes) | PartType::InlineBinary(bytes)) => {
                self.take(&String::from_utf8_lossy(bytes));
            }
            Some(PartType::Message(_) | PartType::Multipart(_)) | None => {}
        }
    }

    fn take(&mut self, text: &str) {
        let text = until(text, self.left);
        self.left -= text.len();
        if !text.is_empty() {
            self.found.texts.extend(text);
        }
    }

    fn count(&mut self) -> Result<(), Unreadable> {
        self.parts += 1;
        if self.parts > self.bounds.parts { Err(Unreadable::TooManyParts) } else { Ok(()) }
    }
}

/// The start of a text, at most so many bytes.
fn until(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

fn encoding(headers: &Message<'_>) -> Encoding {
    let name = headers.header(HeaderName::ContentTransferEncoding);
    match name.and_then(|value| value.as_text()).map(str::trim) {
        Some(name) if name.eq_ignore_ascii_case("base64") => Encoding::Base64,
        Some(name) if name.eq_ignore_ascii_case("quoted-printable") => Encoding::QuotedPrintable,
        Some(_) | None => Encoding::Plain,
    }
}

/// What a part holds, decoded; `None` where it is encoded in a broken way.
pub(super) fn content<'b>(part: &'b [u8], headers: &Message<'_>) -> Option<Cow<'b, [u8]>> {
    decoded(body(part), encoding(headers))
}

fn decoded(bytes: &[u8], encoding: Encoding) -> Option<Cow<'_, [u8]>> {
    match encoding {
        Encoding::Plain => Some(Cow::Borrowed(bytes)),
        Encoding::Base64 => base64_decode(trimmed(bytes)).map(Cow::Owned),
        Encoding::QuotedPrintable => quoted_printable_decode(bytes).map(Cow::Owned),
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// What separates the parts inside; `None` for what has none.
pub(super) fn boundary(headers: &Message<'_>) -> Option<String> {
    let kind = headers.content_type()?;
    let several = kind.ctype().eq_ignore_ascii_case("multipart");
    let boundary = kind.attribute("boundary").filter(|boundary| !boundary.is_empty());
    boundary.filter(|_| several).map(str::to_owned)
}

/// What follows the headers.
pub(super) fn body(part: &[u8]) -> &[u8] {
    let mut rest = part;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        if line.is_empty() || line == b"\r" {
            return rest;
        }
    }
    &[]
}

/// The pieces between lines that begin with the boundary (RFC 2046, 5.1.1).
pub(super) fn pieces<'b>(body: &'b [u8], boundary: &[u8]) -> Vec<&'b [u8]> {
    let mut pieces = Vec::new();
    let (mut start, mut at) = (None, 0);
    while at < body.len() {
        let rest = body.get(at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let line = rest.get(..length).unwrap_or_default();
        let after = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary));
        let last = after.is_some_and(|after| after.starts_with(b"--"));
        let separates = after.is_some_and(|after| last || after.trim_ascii().is_empty());
        if separates {
            if let Some(start) = start {
                pieces.push(body.get(start..at).unwrap_or_default());
            }
            start = Some(at + length);
            if last {
                return pieces;
            }
        }
        at += length;
    }
    // Cut off before its end: what there is, is there.
    if let Some(start) = start {
        pieces.push(body.get(start..).unwrap_or_default());
    }
    pieces
}
