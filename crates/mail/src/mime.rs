//! The structure of a message: headers, parts, transfer encodings.
//!
//! `mail-parser` has no bound on nesting, so it is given one part at a time: its headers, or the
//! text of a part that contains no other part.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{HeaderName, Message, MessageParser, MimeHeaders};

/// A content transfer encoding (RFC 2045, 6).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Base64,
    QuotedPrintable,
}

/// The headers of a message.
pub struct Headers<'a>(pub(crate) Message<'a>);

impl<'a> Headers<'a> {
    /// Parses them; `None` if there are none.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        // The library takes any line for a header.
        let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let mut lines = lines.take_while(|line| !line.is_empty());
        lines.find(|line| is_header(line)).and_then(|_| part_headers(bytes)).map(Self)
    }

    /// The Message-ID, without brackets.
    pub fn message_id(&self) -> Option<&str> {
        self.0.message_id()
    }

    /// The subject, decoded; empty if there is none.
    pub fn subject(&self) -> &str {
        self.0.subject().unwrap_or_default()
    }

    /// The envelope sender, from the `Return-Path` that the last mail server wrote; empty for a
    /// bounce.
    pub fn return_path(&self) -> Option<&str> {
        let path = self.0.header_raw("Return-Path")?.trim();
        path.strip_prefix('<')?.strip_suffix('>')
    }
}

/// The headers of a part; `None` if it has none.
pub(crate) fn part_headers(part: &[u8]) -> Option<Message<'_>> {
    MessageParser::default().parse_headers(part)
}

/// Does a line begin with a header's name (RFC 5322, 2.2)?
fn is_header(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
    let named = name.len() < line.len() && !name.is_empty();
    named && name.iter().all(u8::is_ascii_graphic)
}

pub(crate) fn encoding(headers: &Message<'_>) -> Encoding {
    let name = headers.header(HeaderName::ContentTransferEncoding);
    match name.and_then(|value| value.as_text()).map(str::trim) {
        Some(name) if name.eq_ignore_ascii_case("base64") => Encoding::Base64,
        Some(name) if name.eq_ignore_ascii_case("quoted-printable") => Encoding::QuotedPrintable,
        Some(_) | None => Encoding::Plain,
    }
}

/// The content of a part, decoded; `None` if its encoding is broken.
pub(crate) fn content<'b>(part: &'b [u8], headers: &Message<'_>) -> Option<Cow<'b, [u8]>> {
    decoded(body(part), encoding(headers))
}

pub(crate) fn decoded(bytes: &[u8], encoding: Encoding) -> Option<Cow<'_, [u8]>> {
    match encoding {
        Encoding::Plain => Some(Cow::Borrowed(bytes)),
        Encoding::Base64 => base64_decode(bytes.trim_ascii()).map(Cow::Owned),
        Encoding::QuotedPrintable => quoted_printable_decode(bytes).map(Cow::Owned),
    }
}

/// The boundary of a multipart; `None` for any other part.
pub(crate) fn boundary(headers: &Message<'_>) -> Option<String> {
    let kind = headers.content_type()?;
    let multipart = kind.ctype().eq_ignore_ascii_case("multipart");
    let boundary = kind.attribute("boundary").filter(|boundary| !boundary.is_empty());
    boundary.filter(|_| multipart).map(str::to_owned)
}

/// The bytes after the headers.
pub(crate) fn body(part: &[u8]) -> &[u8] {
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

/// The parts of a multipart's body (RFC 2046, 5.1.1).
pub(crate) fn parts<'b>(body: &'b [u8], boundary: &[u8]) -> Vec<&'b [u8]> {
    let mut parts = Vec::new();
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
                parts.push(body.get(start..at).unwrap_or_default());
            }
            start = Some(at + length);
            if last {
                return parts;
            }
        }
        at += length;
    }
    // Truncated: the last part has no end.
    if let Some(start) = start {
        parts.push(body.get(start..).unwrap_or_default());
    }
    parts
}
