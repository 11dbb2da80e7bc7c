//! Identifiers in texts: codici fiscali and e-mail addresses; and the language of a text.

use domain::CodiceFiscale;
use mail::Bounds;

use super::{Identifiers, Language};

/// Identifiers of each kind that are collected from one message.
const MOST: usize = 32;
/// The longest address (RFC 5321, 4.5.3.1).
const LONGEST_ADDRESS: usize = 254;
/// The length of a codice fiscale.
const CODE: usize = 16;

/// The identifiers in these texts.
pub(super) fn find<'a>(texts: impl IntoIterator<Item = &'a str>) -> Identifiers {
    let mut found = Identifiers::default();
    for text in texts {
        codes(text, |code| {
            if !found.codes.contains(&code) {
                found.codes.push(code);
            }
            found.codes.len() < MOST
        });
        addresses(text, &mut found.addresses);
    }
    found
}

/// Calls `visit` for each occurrence of a codice fiscale until it returns false. A code is one
/// word, or several as printed on the card: `RSS MRA 85T10 A562S`.
fn codes(text: &str, mut visit: impl FnMut(CodiceFiscale) -> bool) {
    for line in text.lines() {
        // Words, each with the byte at which it starts.
        let mut words: Vec<(usize, &str)> = Vec::new();
        for word in line.split(|character: char| !character.is_alphanumeric()) {
            if !word.is_empty() && word.len() <= CODE {
                let at = word.as_ptr().addr().saturating_sub(line.as_ptr().addr());
                words.push((at, word));
            }
        }
        for first in 0..words.len() {
            let mut joined = String::with_capacity(CODE);
            let mut end = None;
            for (at, word) in words.iter().skip(first) {
                let apart = end.map_or("", |end: usize| line.get(end..*at).unwrap_or("\n"));
                let adjacent = matches!(apart, "" | " " | "-" | "." | "\u{a0}");
                if !adjacent || joined.len() + word.len() > CODE {
                    break;
                }
                joined.push_str(word);
                end = Some(at + word.len());
            }
            if let Ok(code) = joined.parse()
                && !visit(code)
            {
                return;
            }
        }
    }
}

fn addresses(text: &str, found: &mut Vec<String>) {
    for (at, _) in text.match_indices('@') {
        let (before, after) = text.split_at(at);
        let after = after.get(1..).unwrap_or_default();
        let local = before.bytes().rev().take(LONGEST_ADDRESS);
        let local = local.take_while(|byte| is_local(*byte)).count();
        let domain = after.bytes().take(LONGEST_ADDRESS);
        let domain = domain.take_while(|byte| is_domain(*byte)).count();
        let local = before.get(at - local..).unwrap_or_default();
        let local = local.trim_start_matches(['.', '\'', '-']);
        let domain = after.get(..domain).unwrap_or_default().trim_end_matches(['.', '-']);
        let dotted = domain.contains('.') && !domain.starts_with('.') && !domain.contains("..");
        if local.is_empty() || !dotted || local.len() + domain.len() >= LONGEST_ADDRESS {
            continue;
        }
        let address = format!("{local}@{domain}").to_ascii_lowercase();
        if found.len() < MOST && !found.contains(&address) {
            found.push(address);
        }
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-'
}

/// Nested parts searched for an erasure: deeper than any mail program writes.
const DEPTH: usize = 100;
/// Parts searched for an erasure altogether.
const PARTS: usize = 100_000;

/// Does a message contain one of these search terms (in lower case): in its raw bytes, in the text
/// of a header or part, in the bytes of an attachment, or as a codice fiscale in several words?
/// True as well for a message that exceeds the bounds: the rest of it may contain one.
pub(super) fn contains_any(bytes: &[u8], bounds: &Bounds, terms: &[String]) -> bool {
    if terms.iter().all(String::is_empty) {
        return false;
    }
    if text_contains(&String::from_utf8_lossy(bytes), terms) {
        return true;
    }
    // A byte of an old character set, or an HTML entity, may become several bytes of UTF-8.
    let text = bytes.len().saturating_mul(8).max(bounds.text);
    let all = Bounds { text, depth: DEPTH, parts: PARTS, ..*bounds };
    // Both as a request is read and part by part: each way finds texts that the other skips.
    let (parts, whole) = mail::extract_all(bytes, &all);
    let request = mail::extract(bytes, &all).ok();
    let texts = request.iter().chain([&parts]).flat_map(|texts| &texts.texts);
    !whole || texts.into_iter().any(|text| names(text, terms))
}

fn names(text: &str, terms: &[String]) -> bool {
    let mut found = text_contains(text, terms);
    if !found {
        codes(text, |code| {
            found = text_contains(code.as_str(), terms);
            !found
        });
    }
    found
}

/// Does a text contain one of these search terms (in lower case)?
pub(super) fn text_contains(text: &str, terms: &[String]) -> bool {
    let text = text.to_lowercase();
    terms.iter().any(|term| !term.is_empty() && text.contains(term.as_str()))
}

/// English if most of the known words are English, otherwise Italian.
pub(super) fn language(texts: &[String]) -> Language {
    let (mut english, mut italian) = (0_u32, 0_u32);
    let words = texts.iter().flat_map(|text| text.split(|c: char| !c.is_alphabetic()));
    for word in words.take(2_000) {
        match word.to_ascii_lowercase().as_str() {
            "the" | "my" | "please" | "would" | "request" | "with" | "you" | "is" => english += 1,
            "il" | "la" | "di" | "mio" | "mia" | "chiedo" | "richiesta" | "del" | "per" | "che" => {
                italian += 1;
            }
            _ => {}
        }
    }
    if english > italian { Language::English } else { Language::Italian }
}
