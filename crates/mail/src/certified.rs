//! Italian certified mail (PEC): envelopes around messages, and receipts (DM 2 November 2005,
//! annex, 6 and 7).

use std::borrow::Cow;

use mail_parser::{Message, MimeHeaders};

use crate::Headers;
use crate::mime::{body, boundary, content, part_headers, parts};

/// The name of the sender's message inside an envelope (DM 2 November 2005, annex, 6.3.3).
const INNER: &str = "postacert.eml";
/// An envelope contains the inner message in its signed parts, or directly.
const LEVELS: usize = 3;

/// Is this a receipt of a certified-mail provider (DM 2 November 2005, annex, 7.4)?
pub fn is_receipt(headers: &Headers<'_>) -> bool {
    headers.0.header_raw("X-Ricevuta").is_some()
}

/// Is this a certified-mail provider's envelope around a message?
pub fn is_envelope(headers: &Headers<'_>) -> bool {
    let kind = headers.0.header_raw("X-Trasporto").map(str::trim);
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case("posta-certificata"))
}

/// The message inside an envelope; `None` if there is none, or its encoding is broken. `count` is
/// called for each part and ends the search with its error.
pub(crate) fn inner_message<'b, E>(
    bytes: &'b [u8],
    envelope: &Message<'_>,
    mut count: impl FnMut() -> Result<(), E>,
) -> Result<Option<Cow<'b, [u8]>>, E> {
    let mut level = vec![(bytes, boundary(envelope))];
    for _ in 0..LEVELS {
        let mut next = Vec::new();
        for (part, boundary) in level {
            let Some(boundary) = boundary else { continue };
            for part in parts(body(part), boundary.as_bytes()) {
                count()?;
                let Some(headers) = part_headers(part) else { continue };
                let name = headers.attachment_name().unwrap_or_default();
                if name.eq_ignore_ascii_case(INNER) {
                    return Ok(content(part, &headers));
                }
                next.push((part, self::boundary(&headers)));
            }
        }
        level = next;
    }
    Ok(None)
}
