//! By what a message is known again that was handed over twice.

use sha2::{Digest as _, Sha256};

/// What makes a message this one: not what servers wrote on its way.
const NAMES: [&[u8]; 5] = [b"from", b"to", b"date", b"subject", b"message-id"];

/// The digest of a message: of the headers that its writer gave it, and of all that follows them. Its way is
/// left out, on which it may have come twice. A Message-ID alone would let a stranger's message pass for it.
pub(crate) fn digest(message: &[u8]) -> [u8; 32] {
    let mut digest = Sha256::new();
    let mut rest = message;
    let mut counts = false;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        if line.trim_ascii().is_empty() {
            break;
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
            counts = NAMES.iter().any(|known| name.trim_ascii_end().eq_ignore_ascii_case(known));
        }
        if counts {
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
    fn the_way_of_a_message_makes_it_no_other_one() {
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
