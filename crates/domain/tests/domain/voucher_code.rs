//! Voucher codes: typing errors, spellings, randomness.

use domain::{InvalidCode, VoucherCode};
use proptest::prelude::*;

/// Symbols of a code, the check symbol included.
const LENGTH: usize = 18;

fn read(text: &str) -> Result<VoucherCode, InvalidCode> {
    text.parse()
}

/// The alphabet as the encoder uses it: the first symbol of a code has the least significant digit.
fn alphabet() -> Vec<char> {
    let first = |digit: u128| VoucherCode::from_random(digit).canonical().chars().next().unwrap();
    let rest = (1..256).map(first).take_while(|symbol| *symbol != first(0));
    std::iter::once(first(0)).chain(rest).collect()
}

/// The text with the symbol at an index replaced.
fn with(text: &str, index: usize, symbol: char) -> String {
    text.chars().enumerate().map(|(at, old)| if at == index { symbol } else { old }).collect()
}

/// Codes with each symbol at many positions, the first and the last of all codes included.
fn samples() -> impl Iterator<Item = VoucherCode> {
    let scattered = (0..60_u128).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
    [0, 1, u128::MAX].into_iter().chain(scattered).map(VoucherCode::from_random)
}

/// The one valid code with these symbols at two positions; a third position is solved for.
fn code_with(one: (usize, char), other: (usize, char), alphabet: &[char]) -> String {
    let solved = (0..LENGTH).find(|index| ![one.0, other.0].contains(index)).unwrap();
    let zeros: String = std::iter::repeat_n('0', LENGTH).collect();
    let text = with(&with(&zeros, one.0, one.1), other.0, other.1);
    let candidates = alphabet.iter().map(|symbol| with(&text, solved, *symbol));
    let valid: Vec<_> = candidates.filter(|text| read(text).is_ok()).collect();
    let [code] = valid.as_slice() else { panic!("{one:?}, {other:?}: {valid:?}") };
    code.clone()
}

#[test]
fn every_mistyped_symbol_is_caught() {
    let alphabet = alphabet();
    for code in samples() {
        let text = code.canonical();
        for (index, symbol) in text.chars().enumerate() {
            for wrong in alphabet.iter().filter(|wrong| **wrong != symbol) {
                assert_eq!(read(&with(&text, index, *wrong)), Err(InvalidCode::Check));
            }
        }
    }
}

/// The check is linear, so one code per pair of positions and difference of symbols covers all
/// codes.
#[test]
fn every_transposition_of_two_different_symbols_is_caught() {
    let alphabet = alphabet();
    let (zero, others) = alphabet.split_first().unwrap();
    for one in 0..LENGTH {
        for other in one + 1..LENGTH {
            for symbol in others {
                let code = code_with((one, *zero), (other, *symbol), &alphabet);
                let swapped = with(&with(&code, one, *symbol), other, *zero);
                assert_eq!(read(&swapped), Err(InvalidCode::Check), "{one} and {other}: {symbol}");
            }
        }
    }
}

#[test]
fn no_two_symbols_of_the_alphabet_look_alike() {
    let alphabet = alphabet();
    for alike in ["0O", "1I", "1L", "IL", "5S", "UV"] {
        let kept = alike.chars().filter(|symbol| alphabet.contains(symbol)).count();
        assert!(kept <= 1, "{alike}");
    }
}

#[test]
fn codes_carry_more_than_eighty_random_bits() {
    let symbols = u128::try_from(alphabet().len()).unwrap();
    let random = VoucherCode::from_random(0).canonical().len() - 1;
    let codes = (0..random).fold(1_u128, |codes, _| codes * symbols);
    assert!(codes > 1 << 80, "{random} random symbols of {symbols}");
    // The encoder uses all of them: it wraps around after exactly that many codes.
    assert_eq!(VoucherCode::from_random(codes), VoucherCode::from_random(0));
    let (first, last) = (VoucherCode::from_random(0), VoucherCode::from_random(codes - 1));
    let (first, last) = (first.canonical(), last.canonical());
    assert!(first.chars().zip(last.chars()).take(random).all(|(one, other)| one != other));
}

#[test]
fn an_invalid_code_is_refused_without_repeating_it() {
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
    fn every_spelling_of_a_code_is_read(bits in any::<u128>(), seed in any::<u64>()) {
        let code = VoucherCode::from_random(bits);
        prop_assert_eq!(read(&code.shown()), Ok(code.clone()));
        let mut written = String::from(" ");
        for (index, symbol) in code.canonical().chars().enumerate() {
            let choice = seed >> index & 1 == 1;
            written.push(match symbol {
                '0' if choice => 'o',
                '1' if choice => 'l',
                '1' => 'I',
                '5' if choice => 's',
                'V' if choice => 'u',
                other if choice => other.to_ascii_lowercase(),
                other => other,
            });
            if seed >> (index + 20) & 1 == 1 {
                written.push(if choice { ' ' } else { '\u{2013}' });
            }
        }
        prop_assert_eq!(read(&written), Ok(code));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        if let Ok(code) = read(&text) {
            prop_assert_eq!(read(&code.canonical()), Ok(code));
        }
    }
}
