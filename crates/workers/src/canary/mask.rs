//! Masks lines for the transcript: no password, no address, no control character, bounded length.

/// Bytes kept of a line: an SMTP reply has 512 at most (RFC 5321, 4.5.3.1.5).
const KEPT: usize = 512;

/// Texts and their replacements.
#[derive(Debug, Default)]
pub(super) struct Mask(Vec<(String, &'static str)>);

impl Mask {
    /// Replaces every occurrence of a text, ignoring case.
    pub(super) fn hide(&mut self, text: &str, instead: &'static str) {
        if !text.is_empty() {
            self.0.push((text.to_ascii_lowercase(), instead));
        }
    }

    /// Masks a line.
    pub(super) fn clean(&self, line: &[u8]) -> String {
        let printable =
            |byte: &u8| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' };
        let mut text: String = line.iter().map(printable).collect();
        for (hidden, instead) in &self.0 {
            text = replaced(&text, hidden, instead);
        }
        let mut text = without_addresses(&text);
        // Printable ASCII: any byte is a character boundary.
        text.truncate(KEPT);
        text
    }
}

fn replaced(text: &str, hidden: &str, instead: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut clean = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in lower.match_indices(hidden) {
        clean.push_str(text.get(from..at).unwrap_or_default());
        clean.push_str(instead);
        from = at.saturating_add(hidden.len());
    }
    clean.push_str(text.get(from..).unwrap_or_default());
    clean
}

/// Masks any other address: it may be a person's.
fn without_addresses(text: &str) -> String {
    let is_address = |word: &str| {
        word.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty())
    };
    let breaks =
        |letter: char| !letter.is_ascii_alphanumeric() && !"@.!#$&'*+/=?^_`{|}~%-".contains(letter);
    text.split_inclusive(breaks)
        .map(|piece| {
            let word = piece.trim_end_matches(breaks);
            if is_address(word) {
                format!("(address){}", piece.get(word.len()..).unwrap_or_default())
            } else {
                piece.to_owned()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_addresses_and_control_characters_are_masked() {
        let mut mask = Mask::default();
        mask.hide("Canary@Mail.example", "canary");
        mask.hide("s3cret-word", "(hidden)");
        for (heard, kept) in [
            ("250 <canary@mail.EXAMPLE> ok", "250 <canary> ok"),
            ("535 S3CRET-word is wrong", "535 (hidden) is wrong"),
            ("220 ask anna.rossi@elsewhere.example, please", "220 ask (address), please"),
            ("220 <a@b>,c@d@e: x@", "220 <(address)>,(address): x@"),
            ("220 red \u{1b}[31m", "220 red ?[31m"),
            ("", ""),
        ] {
            assert_eq!(mask.clean(heard.as_bytes()), kept, "{heard}");
        }
        assert_eq!(mask.clean("perché".as_bytes()), "perch??");
        assert_eq!(mask.clean(&vec![b'x'; 5_000]).len(), KEPT);
    }
}
