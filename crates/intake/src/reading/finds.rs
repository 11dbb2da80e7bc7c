//! Whom a text names: codici fiscali and e-mail addresses, and in which language.

use domain::CodiceFiscale;

use super::walk::{self, Texts};
use super::{Bounds, Language, Named};

/// More people than a request names; the rest is not looked for.
const MOST: usize = 32;
/// The longest address (RFC 5321, 4.5.3.1).
const LONGEST_ADDRESS: usize = 254;
/// The letters of a codice fiscale.
const CODE: usize = 16;

/// Whom these texts name.
pub(super) fn named(texts: [&Texts; 2]) -> Named {
    let mut named = Named::default();
    for text in texts.into_iter().flat_map(Texts::iter) {
        codes(text, |code| {
            if !named.codes.contains(&code) {
                named.codes.push(code);
            }
            named.codes.len() < MOST
        });
        addresses(text, &mut named.addresses);
    }
    named
}

/// Tells of each codice fiscale, as often as it stands there, until it is told that this is enough. One stands in
/// one piece, or in pieces as on the card: `RSS MRA 85T10 A562S`.
fn codes(text: &str, mut goes_on: impl FnMut(CodiceFiscale) -> bool) {
    for line in text.lines() {
        // Words with the byte that each begins and ends at.
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
                let close = matches!(apart, "" | " " | "-" | "." | "\u{a0}");
                if !close || joined.len() + word.len() > CODE {
                    break;
                }
                joined.push_str(word);
                end = Some(at + word.len());
            }
            if let Ok(code) = joined.parse()
                && !goes_on(code)
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

/// Parts inside parts that are looked through for somebody who is to be forgotten: no message that a mail program
/// writes has as many.
const DEPTH: usize = 100;
/// And parts altogether.
const PARTS: usize = 100_000;

/// Does one of these, in small letters, stand in a message: openly, in a header's or a part's text, in the bytes of
/// what is attached, or as the pieces of a codice fiscale? Of a message that can't be looked through whole nobody
/// can say that it does not, and so it does.
pub(super) fn speaks_of(bytes: &[u8], bounds: &Bounds, needles: &[String]) -> bool {
    if needles.iter().all(String::is_empty) {
        return false;
    }
    if stands_in(&String::from_utf8_lossy(bytes), needles) {
        return true;
    }
    // A byte in an old character set, or a name of HTML, may stand for several of UTF-8.
    let text = bytes.len().saturating_mul(8).max(bounds.text);
    let all = Bounds { text, depth: DEPTH, parts: PARTS, ..*bounds };
    // As a request is read, and as the parts it is made of: what one way passes over, the other may find.
    let (parts, whole) = walk::everything(bytes, &all);
    let request = walk::walk(bytes, &all).ok();
    let texts = request.iter().chain([&parts]).flat_map(|walked| walked.texts.iter());
    !whole || texts.into_iter().any(|text| names(text, needles))
}

fn names(text: &str, needles: &[String]) -> bool {
    let mut found = stands_in(text, needles);
    if !found {
        codes(text, |code| {
            found = stands_in(code.as_str(), needles);
            !found
        });
    }
    found
}

/// Does one of these, in small letters, stand in a text?
pub(super) fn stands_in(text: &str, needles: &[String]) -> bool {
    let text = text.to_lowercase();
    needles.iter().any(|needle| !needle.is_empty() && text.contains(needle.as_str()))
}

/// English where it is clearly English.
pub(super) fn language(texts: &Texts) -> Language {
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
