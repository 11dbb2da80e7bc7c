//! The code of a voucher: what a holder reads out over the telephone.
//!
//! 17 symbols of 31 carry 84.2 random bits, an eighteenth checks them. 31 is prime and the weights
//! 1 to 18 differ, so each mistyped symbol and each two that changed places are caught, always.
//! Invariant: neither `Debug` nor an error shows a code. Deliberately absent: where the random bits come
//! from, and how a code is kept.

use std::fmt;
use std::str::FromStr;

/// No I, L, O, S or U: where one is read, it was a 1, a 1, a 0, a 5 or a V.
const ALPHABET: [u8; 31] = *b"0123456789ABCDEFGHJKMNPQRTVWXYZ";
const PRIME: u8 = 31;
/// Symbols, the check symbol at the end among them.
const LENGTH: usize = 18;
/// Symbols between two hyphens.
const GROUP: usize = 3;

/// A voucher's code. It is worth a mailbox for a year: keep it out of logs.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VoucherCode([u8; LENGTH]);

/// Why a text is no code; it does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCode {
    /// Too short or too long.
    #[error("a code has 18 letters and digits; compare it with the letter")]
    Length,
    /// A character that no code has.
    #[error("a code has letters and digits alone; compare it with the letter")]
    Symbol,
    /// The check symbol does not agree.
    #[error("a letter or digit of the code is wrong; compare it with the letter")]
    Check,
}

impl VoucherCode {
    /// The code that these random bits give. 128 bits onto 31^17 codes: no code is likelier than
    /// another by more than one in 2^43.
    pub fn from_random(bits: u128) -> Self {
        let mut symbols = [0; LENGTH];
        let mut rest = bits;
        let (random, check) = symbols.split_at_mut(LENGTH - 1);
        for symbol in random.iter_mut() {
            *symbol = u8::try_from(rest % u128::from(PRIME)).unwrap_or(0);
            rest /= u128::from(PRIME);
        }
        // The last weight is 18; its inverse makes the sum a multiple of 31: 18 * 19 = 342 = 1 + 11 * 31.
        let sum = weighted(random);
        if let Some(check) = check.first_mut() {
            *check = u8::try_from(((31 - sum) * 19) % 31).unwrap_or(0);
        }
        Self(symbols)
    }

    /// As it is printed for its holder: six groups of three.
    pub fn shown(&self) -> String {
        let groups: Vec<String> = self.0.chunks(GROUP).map(text).collect();
        groups.join("-")
    }

    /// As it is hashed: 18 capitals and digits, whatever way it was written.
    pub fn canonical(&self) -> String {
        text(&self.0)
    }
}

fn text(symbols: &[u8]) -> String {
    let symbol = |place: &u8| ALPHABET.get(usize::from(*place)).copied().map_or('?', char::from);
    symbols.iter().map(symbol).collect()
}

fn weighted(symbols: &[u8]) -> u32 {
    (1..).zip(symbols).map(|(weight, symbol): (u32, _)| weight * u32::from(*symbol)).sum::<u32>()
        % u32::from(PRIME)
}

/// What a character stands for; `None` for what stands between symbols.
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
    let place = ALPHABET.iter().position(|known| char::from(*known) == read);
    match place.and_then(|place| u8::try_from(place).ok()) {
        Some(place) => Ok(Some(place)),
        None => Err(InvalidCode::Symbol),
    }
}

impl FromStr for VoucherCode {
    type Err = InvalidCode;

    /// Takes small letters, spaces, hyphens and look-alikes.
    fn from_str(written: &str) -> Result<Self, InvalidCode> {
        let mut symbols = [0; LENGTH];
        let mut places = symbols.iter_mut();
        for character in written.chars() {
            if let Some(symbol) = symbol(character)? {
                *places.next().ok_or(InvalidCode::Length)? = symbol;
            }
        }
        if places.next().is_some() {
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
