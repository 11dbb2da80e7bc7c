use std::str::FromStr;

use super::{CodiceFiscale, Datelike, MONTHS, NaiveDate};

/// The sex in the registry of births.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// Male.
    Male,
    /// Female: forty is added to the day of birth.
    Female,
}

/// The code of a municipality (`H501` is Rome) or of a country (`Z404` is the United States).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BirthPlace([u8; 4]);

impl BirthPlace {
    /// Rome.
    pub const ROME: Self = Self(*b"H501");
}

impl FromStr for BirthPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.as_bytes() {
            &[letter, ref number @ ..]
                if letter.is_ascii_uppercase()
                    && number.len() == 3
                    && number.iter().all(u8::is_ascii_digit) =>
            {
                text.as_bytes().try_into().map(Self).map_err(|error| format!("{text:?}: {error}"))
            }
            _ => {
                Err(format!("invalid place code {text:?}; write a capital letter and three digits"))
            }
        }
    }
}

/// The particulars from which a codice fiscale is composed.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// The surname; accents, apostrophes and spaces are ignored.
    pub surname: &'a str,
    /// The given names.
    pub name: &'a str,
    /// The day of birth.
    pub born_on: NaiveDate,
    /// The sex.
    pub sex: Sex,
    /// The place of birth.
    pub birth_place: BirthPlace,
}

impl CodiceFiscale {
    /// Composes the code, without omocodia.
    pub fn compose(person: &Person<'_>) -> Self {
        let year = two_digits(person.born_on.year().rem_euclid(100).unsigned_abs());
        let month = usize::try_from(person.born_on.month0()).ok().and_then(|m| MONTHS.get(m));
        let more = if person.sex == Sex::Female { 40 } else { 0 };
        let day = two_digits(person.born_on.day() + more);
        let parts = first_three(letters(person.surname))
            .into_iter()
            .chain(given_name(person.name))
            .chain(year)
            .chain(month.copied())
            .chain(day)
            .chain(person.birth_place.0);
        let mut characters = [b'A'; 16];
        for (slot, character) in characters.iter_mut().zip(parts) {
            *slot = character;
        }
        Self::sealed(characters)
    }
}

fn two_digits(number: u32) -> [u8; 2] {
    let digit = |value: u32| u8::try_from(value % 10).map_or(b'0', |value| b'0' + value);
    [digit(number / 10), digit(number)]
}

/// The first, third and fourth consonant of a name with at least four, else as [`first_three`].
fn given_name(name: &str) -> [u8; 3] {
    let mut consonants = letters(name).filter(|letter| !is_vowel(*letter));
    let four = (consonants.next(), consonants.next(), consonants.next(), consonants.next());
    match four {
        (Some(first), Some(_), Some(third), Some(fourth)) => [first, third, fourth],
        _ => first_three(letters(name)),
    }
}

/// The first three of the consonants, then the vowels, then X.
fn first_three(letters: impl Iterator<Item = u8> + Clone) -> [u8; 3] {
    let consonants = letters.clone().filter(|letter| !is_vowel(*letter));
    let vowels = letters.filter(|letter| is_vowel(*letter));
    let mut three = [b'X'; 3];
    for (slot, letter) in three.iter_mut().zip(consonants.chain(vowels)) {
        *slot = letter;
    }
    three
}

fn is_vowel(letter: u8) -> bool {
    matches!(letter, b'A' | b'E' | b'I' | b'O' | b'U')
}

/// The letters in upper case without accents; other characters are skipped.
fn letters(text: &str) -> impl Iterator<Item = u8> + Clone {
    text.chars().filter_map(|character| match character {
        'à' | 'á' | 'â' | 'ä' | 'À' | 'Á' | 'Â' | 'Ä' => Some(b'A'),
        'è' | 'é' | 'ê' | 'ë' | 'È' | 'É' | 'Ê' | 'Ë' => Some(b'E'),
        'ì' | 'í' | 'î' | 'ï' | 'Ì' | 'Í' | 'Î' | 'Ï' => Some(b'I'),
        'ò' | 'ó' | 'ô' | 'ö' | 'Ò' | 'Ó' | 'Ô' | 'Ö' => Some(b'O'),
        'ù' | 'ú' | 'û' | 'ü' | 'Ù' | 'Ú' | 'Û' | 'Ü' => Some(b'U'),
        'ç' | 'Ç' => Some(b'C'),
        'ñ' | 'Ñ' => Some(b'N'),
        _ if character.is_ascii_alphabetic() => {
            u8::try_from(character).ok().map(|letter| letter.to_ascii_uppercase())
        }
        _ => None,
    })
}
