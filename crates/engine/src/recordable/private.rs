//! Personal data that has a recognisable form: e-mail addresses and codici fiscali.

/// What personal data the text holds, in words.
pub(super) fn found_in(text: &str) -> Option<&'static str> {
    if holds_address(text) {
        Some("an e-mail address")
    } else if holds_codice_fiscale(text) {
        Some("a codice fiscale")
    } else {
        None
    }
}

/// An @ between two characters that an address can have there.
fn holds_address(text: &str) -> bool {
    let mut parts = text.split('@').peekable();
    while let Some(before) = parts.next() {
        let Some(after) = parts.peek() else { return false };
        let local = before.chars().next_back().is_some_and(|last| !last.is_whitespace());
        if local && after.chars().next().is_some_and(char::is_alphanumeric) {
            return true;
        }
    }
    false
}

/// A word of its form, whatever its check character; or one with spaces or other signs between its
/// letters, which must then have digits, so that plain words do not add up to one.
fn holds_codice_fiscale(text: &str) -> bool {
    let is_sign = |letter: char| !letter.is_ascii_alphanumeric();
    let word = |word: &str| word.len() == LENGTH && is_of_form(word.as_bytes());
    if text.split(is_sign).any(word) {
        return true;
    }
    let letters: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).collect();
    letters.windows(LENGTH).any(|window| {
        let digits = window.iter().filter(|byte| byte.is_ascii_digit()).count();
        digits >= ENOUGH_DIGITS && is_of_form(window)
    })
}

const LENGTH: usize = 16;
/// The digits among seven that remain where some were replaced to distinguish namesakes.
const ENOUGH_DIGITS: usize = 3;

/// `[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]`
fn is_of_form(word: &[u8]) -> bool {
    const FORM: &[u8; LENGTH] = b"AAAAAA00M00A000A";
    word.iter().zip(FORM).all(|(byte, form)| {
        let letter = byte.to_ascii_uppercase();
        match form {
            b'0' => letter.is_ascii_digit() || b"LMNPQRSTUV".contains(&letter),
            b'M' => b"ABCDEHLMPRST".contains(&letter),
            _ => letter.is_ascii_uppercase(),
        }
    })
}
