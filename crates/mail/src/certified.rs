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

/// A receipt of a certified-mail provider (DM 2 November 2005, annex, 7.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// *Accettazione*: the provider accepted a message.
    Acceptance,
    /// *Avvenuta consegna*: it was delivered.
    Delivery,
    /// *Mancata consegna*, *non accettazione*, and notices of a virus.
    Failure,
    /// Any other.
    Other,
}

impl Receipt {
    /// The kind of receipt; `None` if a message is not a receipt.
    pub fn of(headers: &Headers<'_>) -> Option<Self> {
        let kind = headers.0.header_raw("X-Ricevuta")?.trim().to_ascii_lowercase();
        Some(match kind.as_str() {
            "accettazione" => Self::Acceptance,
            "avvenuta-consegna" => Self::Delivery,
            "non-accettazione"
            | "rilevazione-virus"
            | "errore-consegna"
            | "preavviso-errore-consegna" => Self::Failure,
            _ => Self::Other,
        })
    }
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
