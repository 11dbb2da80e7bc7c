//! The digest that identifies a message, so that one delivered twice is stored once.

use sha2::{Digest as _, Sha256};

/// Headers that the sender wrote; servers add others in transit.
const SENDERS: [&[u8]; 5] = [b"from", b"to", b"date", b"subject", b"message-id"];

/// The digest of a message's body and of the headers that its sender wrote. Headers added in
/// transit are left out: they differ between two deliveries. A Message-ID alone would let a
/// stranger's message pass for another.
pub(crate) fn digest(message: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut rest = message;
    let mut included = false;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        if line.trim_ascii().is_empty() {
            break;
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            included =
                SENDERS.iter().any(|known| name.trim_ascii_end().eq_ignore_ascii_case(known));
        }
        if included {
            digest.update(line.trim_ascii_end());
            digest.update(b"\n");
        }
    }
    digest.update(b"\n");
    digest.update(rest);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_added_in_transit_do_not_change_the_digest() {
        let first = b"Received: by a\r\n\tfor b\r\nFrom: a@b\r\nMessage-ID: <1@b>\r\n\r\nhello\r\n";
        let again =
            b"Received: by c\r\nX-Spam: no\r\nfrom: a@b\r\nMessage-Id: <1@b>\r\n\r\nhello\r\n";
        let lower = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_ascii_lowercase();
        assert_eq!(digest(lower(first).as_bytes()), digest(lower(again).as_bytes()));
        for other in [
            "From: a@b\r\nMessage-ID: <1@b>\r\n\r\nhello you\r\n",
            "From: a@b\r\nMessage-ID: <2@b>\r\n\r\nhello\r\n",
            "From: c@b\r\nMessage-ID: <1@b>\r\n\r\nhello\r\n",
            "From: a@b\r\nMessage-ID: <1@b>\r\n hello\r\n",
            "From: a@b\r\nMessage-ID: <1@b>",
            "",
        ] {
            assert_ne!(digest(lower(first).as_bytes()), digest(other.as_bytes()), "{other}");
        }
    }
}
