//! The codice fiscale, which identifies a holder.
//!
//! Invariant: a [`CodiceFiscale`] is well-formed, its day exists in its month, and its check
//! character is correct. Source of the composition, the check character and omocodia: decree of the
//! Ministry of Finance of 23 December 1976 (Gazzetta Ufficiale no. 345 of 29 December 1976).
//! Deliberately absent: serde. A codice fiscale is personal data, never enters the log, and is
//! hidden by its `Debug` form.

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate};

mod compose;

pub use compose::{BirthPlace, Person, Sex};

/// A checked codice fiscale in upper case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodiceFiscale([u8; 16]);

/// Why a text is not a valid codice fiscale. The text, which is personal data, is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCodiceFiscale {
    /// Too short, too long, or not ASCII.
    #[error("a codice fiscale has 16 letters and digits, this text has {0} characters")]
    Length(usize),
    /// A character is not allowed at its position.
    #[error("character {0} is not allowed at its position in a codice fiscale")]
    Character(usize),
    /// The day does not exist in its month.
    #[error("the day of birth does not exist in the month of birth")]
    Birth,
    /// The check character does not match.
    #[error("the check character does not match the other fifteen characters")]
    Check,
}

/// The letters of the months, January first.
const MONTHS: &[u8; 12] = b"ABCDEHLMPRST";
/// The letters that replace the digits 0 to 9 in omocodia.
const OMOCODIA: &[u8; 10] = b"LMNPQRSTUV";
/// The positions of the digits from the right, the order in which omocodia replaces them.
const DIGITS: [usize; 7] = [14, 13, 12, 10, 9, 7, 6];
/// The weight of a letter, or of the digit with the same index (0 as A), at an odd position from 1.
const ODD: [u8; 26] =
    [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];

impl CodiceFiscale {
    /// The sixteen characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default() // always ASCII
    }

    /// The number of digits replaced by letters because two people had the same code.
    pub fn omocodia(&self) -> usize {
        DIGITS
            .into_iter()
            .filter(|place| self.0.get(*place).is_some_and(u8::is_ascii_uppercase))
            .count()
    }

    /// The same code with its `count` rightmost digits (at most seven) replaced by letters.
    #[must_use]
    pub fn with_omocodia(self, count: usize) -> Self {
        let mut characters = self.0;
        for place in DIGITS.into_iter().take(count) {
            if let Some(character) = characters.get_mut(place)
                && let Some(letter) = digit(*character).and_then(|value| OMOCODIA.get(value))
            {
                *character = *letter;
            }
        }
        Self::sealed(characters)
    }

    /// Sets the check character.
    fn sealed(mut characters: [u8; 16]) -> Self {
        characters[15] = check_character(&characters);
        Self(characters)
    }
}

impl FromStr for CodiceFiscale {
    type Err = InvalidCodiceFiscale;

    /// Accepts sixteen characters in upper or lower case, with or without omocodia.
    fn from_str(text: &str) -> Result<Self, InvalidCodiceFiscale> {
        let length = InvalidCodiceFiscale::Length;
        let mut characters: [u8; 16] =
            text.as_bytes().try_into().map_err(|_wrong| length(text.chars().count()))?;
        characters.make_ascii_uppercase();
        for (index, character) in characters.iter().enumerate() {
            let fits = match index {
                8 => MONTHS.contains(character),
                0..=5 | 11 | 15 => character.is_ascii_uppercase(),
                _ => digit(*character).is_some(),
            };
            if !fits {
                return Err(InvalidCodiceFiscale::Character(index + 1));
            }
        }
        if !birth_exists(&characters) {
            return Err(InvalidCodiceFiscale::Birth);
        }
        if check_character(&characters) != characters[15] {
            return Err(InvalidCodiceFiscale::Check);
        }
        Ok(Self(characters))
    }
}

impl fmt::Display for CodiceFiscale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CodiceFiscale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodiceFiscale(…)")
    }
}

/// The value of a digit or of the letter that replaces it.
fn digit(character: u8) -> Option<usize> {
    if character.is_ascii_digit() {
        return Some(usize::from(character - b'0'));
    }
    OMOCODIA.iter().position(|letter| *letter == character)
}

fn two_digits(tens: u8, ones: u8) -> Option<usize> {
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// Does the day exist in the month? A codice fiscale has no century: 29 February is valid if the
/// year is a leap year in any century.
fn birth_exists(characters: &[u8; 16]) -> bool {
    let year = two_digits(characters[6], characters[7]);
    let month = MONTHS.iter().position(|letter| *letter == characters[8]);
    let day = two_digits(characters[9], characters[10]);
    let (Some(year), Some(month), Some(day)) = (year, month, day) else { return false };
    let day = if day > 40 { day - 40 } else { day };
    let longest = match month + 1 {
        2 if year % 4 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (1..=longest).contains(&day)
}

/// The sixteenth character: the sum of the weights of the first fifteen, modulo 26.
fn check_character(characters: &[u8; 16]) -> u8 {
    let weights = characters.iter().take(15).enumerate().map(|(index, character)| {
        let value = match character {
            b'0'..=b'9' => character - b'0',
            _ => character.wrapping_sub(b'A') % 26,
        };
        // The first character has the odd position 1.
        if index % 2 == 0 { ODD.get(usize::from(value)).copied().unwrap_or(0) } else { value }
    });
    let sum: u32 = weights.map(u32::from).sum();
    u8::try_from(sum % 26).map_or(b'A', |rest| b'A' + rest)
}

#[cfg(test)]
mod tests;
