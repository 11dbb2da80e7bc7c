//! Voucher codes, designed to be read out over the telephone.
//!
//! 17 symbols from an alphabet of 31 carry 84.2 random bits; the eighteenth is a check symbol. 31
//! is prime and the weights 1 to 18 differ, so every single substitution and every transposition is
//! detected. Invariant: neither `Debug` nor an error reveals a code. Deliberately absent: the
//! random source, and the storage of codes.

use std::fmt;
use std::str::FromStr;

/// Without I, L, O, S and U, which are read as 1, 1, 0, 5 and V.
const ALPHABET: [u8; 31] = *b"0123456789ABCDEFGHJKMNPQRTVWXYZ";
const PRIME: u8 = 31;
/// Symbols of a code, the check symbol included.
const LENGTH: usize = 18;
/// Symbols between two hyphens.
const GROUP: usize = 3;

/// A voucher code. It is worth a mailbox for a year; never log it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VoucherCode([u8; LENGTH]);

/// Why a text is not a valid code. The error does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCode {
    /// The code is too short or too long.
    #[error("a code has 18 letters and digits; compare it with the letter")]
    Length,
    /// A character is not in the alphabet.
    #[error("a code has only letters and digits; compare it with the letter")]
    Symbol,
    /// The check symbol does not match.
    #[error("a letter or digit of the code is wrong; compare it with the letter")]
    Check,
}

impl VoucherCode {
    /// Derives a code from random bits. 128 bits map onto 31^17 codes, so the probabilities of two
    /// codes differ by less than one part in 2^43.
    pub fn from_random(bits: u128) -> Self {
        let mut symbols = [0; LENGTH];
        let mut rest = bits;
        let (random, check) = symbols.split_at_mut(LENGTH - 1);
        for symbol in random.iter_mut() {
            *symbol = u8::try_from(rest % u128::from(PRIME)).unwrap_or(0);
            rest /= u128::from(PRIME);
        }
        // The check symbol has weight 18, whose inverse modulo 31 is 19: 18 * 19 = 342 = 1 + 11 *
        // 31.
        let sum = weighted(random);
        if let Some(check) = check.first_mut() {
            *check = u8::try_from(((31 - sum) * 19) % 31).unwrap_or(0);
        }
        Self(symbols)
    }

    /// The printed form: six groups of three symbols.
    pub fn shown(&self) -> String {
        let groups: Vec<String> = self.0.chunks(GROUP).map(text).collect();
        groups.join("-")
    }

    /// The hashed form: 18 upper-case letters and digits, whatever the spelling was.
    pub fn canonical(&self) -> String {
        text(&self.0)
    }
}

fn text(symbols: &[u8]) -> String {
    let symbol = |digit: &u8| ALPHABET.get(usize::from(*digit)).copied().map_or('?', char::from);
    symbols.iter().map(symbol).collect()
}

fn weighted(symbols: &[u8]) -> u32 {
    (1..).zip(symbols).map(|(weight, symbol): (u32, _)| weight * u32::from(*symbol)).sum::<u32>()
        % u32::from(PRIME)
}

/// The symbol that a character stands for; `None` for a separator.
fn symbol(character: char) -> Result<Option<u8>, InvalidCode> {
    let read = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        'S' => '5',
        'U' => 'V',
        '-' | '.' | '_' | '\u{2010}'..='\u{2015}' => return Ok(None),
        space if space.is_whitespace() => return Ok(None),
        other => other,
    };
    let digit = ALPHABET.iter().position(|known| char::from(*known) == read);
    match digit.and_then(|digit| u8::try_from(digit).ok()) {
        Some(digit) => Ok(Some(digit)),
        None => Err(InvalidCode::Symbol),
    }
}

impl FromStr for VoucherCode {
    type Err = InvalidCode;

    /// Accepts lower case, spaces, hyphens and look-alike characters.
    fn from_str(written: &str) -> Result<Self, InvalidCode> {
        let mut symbols = [0; LENGTH];
        let mut slots = symbols.iter_mut();
        for character in written.chars() {
            if let Some(symbol) = symbol(character)? {
                *slots.next().ok_or(InvalidCode::Length)? = symbol;
            }
        }
        if slots.next().is_some() {
            return Err(InvalidCode::Length);
        }
        if weighted(&symbols) == 0 { Ok(Self(symbols)) } else { Err(InvalidCode::Check) }
    }
}

impl fmt::Debug for VoucherCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoucherCode(***)")
    }
}
