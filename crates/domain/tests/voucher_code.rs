//! A code is read out, mistyped, and written in many ways.

#![cfg(test)]

use domain::{InvalidCode, VoucherCode};
use proptest::prelude::*;

const SYMBOLS: &str = "0123456789ABCDEFGHJKMNPQRTVWXYZ";

fn read(text: &str) -> Result<VoucherCode, InvalidCode> {
    text.parse()
}

/// The text with the symbol at a place replaced.
fn with(text: &str, place: usize, symbol: char) -> String {
    text.chars().enumerate().map(|(at, old)| if at == place { symbol } else { old }).collect()
}

/// Codes with each symbol at many places, the first and the last among all that there are.
fn samples() -> impl Iterator<Item = VoucherCode> {
    let scattered = (0..60_u128).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
    [0, 1, u128::MAX].into_iter().chain(scattered).map(VoucherCode::from_random)
}

#[test]
fn every_mistyped_symbol_is_caught() {
    for code in samples() {
        let text = code.canonical();
        for (place, symbol) in text.chars().enumerate() {
            for wrong in SYMBOLS.chars().filter(|wrong| *wrong != symbol) {
                assert_eq!(read(&with(&text, place, wrong)), Err(InvalidCode::Check));
            }
        }
    }
}

#[test]
fn every_two_symbols_that_changed_places_are_caught() {
    for code in samples() {
        let text: Vec<char> = code.canonical().chars().collect();
        for one in 0..text.len() {
            for other in one + 1..text.len() {
                let mut swapped = text.clone();
                swapped.swap(one, other);
                let expected =
                    if swapped == text { Ok(code.clone()) } else { Err(InvalidCode::Check) };
                assert_eq!(read(&swapped.iter().collect::<String>()), expected);
            }
        }
    }
}

/// The two tests above look at some codes; the sums they lean on hold for all. An error at a place of
/// weight w changes the sum by w times a difference, a swap by the difference of two weights times one:
/// neither product is a multiple of 31.
#[test]
fn no_weight_and_no_difference_of_weights_hides_a_difference_of_symbols() {
    for difference in 1..31_u32 {
        for weight in 1..=18_u32 {
            assert_ne!(weight * difference % 31, 0);
            for other in 1..weight {
                assert_ne!((weight - other) * difference % 31, 0);
            }
        }
    }
}

#[test]
fn no_two_symbols_of_the_alphabet_look_alike() {
    for alike in ["0O", "1I", "1L", "IL", "5S", "UV"] {
        let kept = alike.chars().filter(|symbol| SYMBOLS.contains(*symbol)).count();
        assert!(kept <= 1, "{alike}");
    }
}

#[test]
fn codes_carry_more_than_eighty_random_bits() {
    let codes = (0..17).fold(1_u128, |codes, _| codes * 31);
    assert!(codes > 1 << 80);
    // The first and the last of them differ, so none of the random symbols is fixed.
    let first = VoucherCode::from_random(0).canonical();
    let last = VoucherCode::from_random(codes - 1).canonical();
    assert!(first.chars().zip(last.chars()).take(17).all(|(one, other)| one != other));
}

#[test]
fn what_is_no_code_is_told_without_repeating_it() {
    let code = VoucherCode::from_random(7).canonical();
    for (text, problem) in [
        (String::new(), InvalidCode::Length),
        (code.chars().take(17).collect(), InvalidCode::Length),
        (format!("{code}0"), InvalidCode::Length),
        (with(&code, 3, '?'), InvalidCode::Symbol),
        (with(&code, 3, 'È'), InvalidCode::Symbol),
    ] {
        assert_eq!(read(&text), Err(problem), "{text}");
        assert!(text.is_empty() || !problem.to_string().contains(&text));
    }
    assert_eq!(format!("{:?}", VoucherCode::from_random(7)), "VoucherCode(***)");
}

proptest! {
    #[test]
    fn a_code_is_read_however_it_is_written(bits in any::<u128>(), seed in any::<u64>()) {
        let code = VoucherCode::from_random(bits);
        prop_assert_eq!(read(&code.shown()), Ok(code.clone()));
        let mut written = String::from(" ");
        for (place, symbol) in code.canonical().chars().enumerate() {
            let choice = seed >> place & 1 == 1;
            written.push(match symbol {
                '0' if choice => 'o',
                '1' if choice => 'l',
                '1' => 'I',
                '5' if choice => 's',
                'V' if choice => 'u',
                other if choice => other.to_ascii_lowercase(),
                other => other,
            });
            if seed >> (place + 20) & 1 == 1 {
                written.push(if choice { ' ' } else { '\u{2013}' });
            }
        }
        prop_assert_eq!(read(&written), Ok(code));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        if let Ok(code) = read(&text) {
            prop_assert_eq!(read(&code.canonical()), Ok(code));
        }
    }
}
