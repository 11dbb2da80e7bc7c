//! The code of a voucher, as people type it.

use domain::{InvalidCode, VoucherCode};

const SYMBOLS: &str = "0123456789ABCDEFGHJKMNPQRTVWXYZ";

/// An accepted text decodes to the same code; a code with one wrong symbol or two swapped
/// neighbours is rejected; and a code is recognized in every spelling.
pub fn code(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(code) = text.parse() {
        accepted(&text, &code);
    }
    // The same bytes as a code and as a way of typing it.
    let (bits, hand) = bytes.split_at(bytes.len().min(16));
    let bits = bits.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let code = VoucherCode::from_random(bits);
    assert_eq!(written(&code, hand).parse(), Ok(code));
}

fn accepted(text: &str, code: &VoucherCode) {
    let canonical = code.canonical();
    assert!(canonical.len() == 18 && canonical.chars().all(|symbol| SYMBOLS.contains(symbol)));
    for same in [&canonical, &code.shown(), &canonical.to_lowercase()] {
        assert_eq!(same.parse().as_ref(), Ok(code), "it is not read back");
    }
    let letters = text.chars().filter(char::is_ascii_alphanumeric).count();
    assert_eq!(letters, 18, "a code was made of more or fewer letters");
    let symbols: Vec<char> = canonical.chars().collect();
    let refused = |symbols: &[char]| {
        let typed: String = symbols.iter().collect();
        assert_eq!(typed.parse::<VoucherCode>(), Err(InvalidCode::Check), "{typed} passes too");
    };
    for place in 0..symbols.len() {
        for wrong in SYMBOLS.chars() {
            let mut typed = symbols.clone();
            let right = typed.get_mut(place).map(|symbol| std::mem::replace(symbol, wrong));
            if right != Some(wrong) {
                refused(&typed);
            }
        }
        let mut typed = symbols.clone();
        if place > 0 && symbols.get(place) != symbols.get(place - 1) {
            typed.swap(place, place - 1);
            refused(&typed);
        }
    }
}

/// A code as typed: lower case, look-alikes, and separators.
fn written(code: &VoucherCode, hand: &[u8]) -> String {
    let mut text = String::new();
    let mut hand = hand.iter().copied().chain(std::iter::repeat(0));
    for symbol in code.canonical().chars() {
        let habit = hand.next().unwrap_or(0);
        let alike = match symbol {
            '0' => 'o',
            '1' if habit & 2 == 0 => 'l',
            '1' => 'I',
            '5' => 's',
            'V' => 'u',
            other => other.to_ascii_lowercase(),
        };
        text.push(if habit & 1 == 0 { symbol } else { alike });
        let between = ["", " ", "-", ".", "_", "\u{2013}", "\u{a0}", "\r\n"];
        text.push_str(between.get(usize::from(habit >> 2 & 7)).unwrap_or(&""));
    }
    text
}
