//! Reports of mail servers (RFC 3464): which message could not be delivered.

use mail_parser::{MessageParser, MimeHeaders};

use super::headers_of;
use super::walk::{body, boundary, content, pieces};

/// The Message-ID of what a report says could not be delivered; `None` where it says no such thing, or gives nothing of the
/// message back. Looks at so many parts at most.
pub(super) fn undelivered(bytes: &[u8], most_parts: usize) -> Option<String> {
    let boundary = boundary(&headers_of(bytes)?)?;
    let (mut failed, mut returned) = (false, None);
    for piece in pieces(body(bytes), boundary.as_bytes()).into_iter().take(most_parts) {
        let Some(headers) = MessageParser::default().parse_headers(piece) else { continue };
        let is = |kind: &str, names: [&str; 2]| {
            names.into_iter().any(|name| headers.is_content_type(kind, name))
        };
        let Some(content) = content(piece, &headers) else { continue };
        if is("message", ["delivery-status", "global-delivery-status"]) {
            failed |= says_failed(&String::from_utf8_lossy(&content));
        } else if is("message", ["rfc822", "global"])
            || is("message", ["global-headers", "rfc822-headers"])
            || headers.is_content_type("text", "rfc822-headers")
        {
            returned =
                headers_of(&content).and_then(|letter| Some(letter.message_id()?.to_owned()));
        }
    }
    returned.filter(|_| failed)
}

/// Does it say of any recipient that it failed, and not only that it is late (RFC 3464, 2.3.3)?
fn says_failed(status: &str) -> bool {
    let fields = status.lines().filter_map(|line| line.split_once(':'));
    let mut actions = fields.filter(|(name, _)| name.trim().eq_ignore_ascii_case("action"));
    actions.any(|(_, value)| {
        value.split_whitespace().next().is_some_and(|word| word.eq_ignore_ascii_case("failed"))
    })
}
