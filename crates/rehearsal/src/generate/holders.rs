use std::collections::HashSet;
use std::io::{self, Write};

use chrono::{Datelike, NaiveDate};
use domain::{CodiceFiscale, Person, Sex};

use super::draw::Draw;
use super::names::Names;
use super::places::Places;

/// A generated person.
pub(super) struct Holder<'a> {
    pub(super) codice_fiscale: CodiceFiscale,
    pub(super) surname: &'a str,
    pub(super) name: &'a str,
    pub(super) has_notice_address: bool,
    plain: (&'a str, &'a str),
    /// How many have had the same name and surname, this one included.
    namesakes: u32,
}

impl Holder<'_> {
    /// `name.surname`, with a number if the name is already used.
    pub(super) fn write_local_part(&self, row: &mut Vec<u8>) -> io::Result<()> {
        let (name, surname) = self.plain;
        write!(row, "{name}.{surname}")?;
        if self.namesakes > 1 { write!(row, "{}", self.namesakes) } else { Ok(()) }
    }
}

/// Generated people, with distinct addresses and codici fiscali.
pub(super) struct Holders {
    surnames: Names,
    his: Names,
    hers: Names,
    places: Places,
    /// How many have each name with each surname: his names first.
    namesakes: Vec<u32>,
    /// The codici fiscali given out, as digests of eight bytes. Two codes of one digest would be as
    /// rare as one file in millions, and would only make the second take another code.
    given: HashSet<u64>,
}

impl Holders {
    pub(super) fn new() -> Self {
        let (surnames, his, hers) = (Names::surnames(), Names::his(), Names::hers());
        let namesakes = vec![0; surnames.len() * (his.len() + hers.len())];
        let (places, given) = (Places::new(), HashSet::new());
        Self { surnames, his, hers, places, namesakes, given }
    }

    pub(super) fn next(&mut self, draw: &mut Draw) -> Holder<'_> {
        let sex = if draw.one_in(2) { Sex::Female } else { Sex::Male };
        let surname_place = self.surnames.draw(draw);
        let (names, before) = match sex {
            Sex::Male => (&self.his, 0),
            Sex::Female => (&self.hers, self.his.len()),
        };
        let name_place = names.draw(draw);
        let pair = (before + name_place) * self.surnames.len() + surname_place;
        let namesakes = self.namesakes.get_mut(pair).map_or(0, |count| {
            *count += 1;
            *count
        });
        let (surname, plain_surname) = self.surnames.get(surname_place);
        let (name, plain_name) = names.get(name_place);
        let codice_fiscale = loop {
            let born_on = birthday(draw);
            let birth_place = self.places.draw(draw);
            let person = Person { surname, name, born_on, sex, birth_place };
            // Some share the base form of their codice fiscale with a person who is not in this
            // registry.
            let omocodia = usize::from(draw.one_in(500));
            if let Some(free) = free(&mut self.given, &person, omocodia) {
                break free;
            }
        };
        let has_notice_address = draw.below(100) < 42;
        let plain = (plain_name, plain_surname);
        Holder { codice_fiscale, surname, name, has_notice_address, plain, namesakes }
    }
}

/// The person's code, with as much omocodia as makes it theirs alone; `None` where none is left.
fn free(given: &mut HashSet<u64>, person: &Person<'_>, omocodia: usize) -> Option<CodiceFiscale> {
    let code = CodiceFiscale::compose(person);
    (omocodia..=7).map(|count| code.with_omocodia(count)).find(|code| given.insert(digest(code)))
}

/// FNV-1a, whose result is written down, unlike that of the standard library's hasher.
fn digest(code: &CodiceFiscale) -> u64 {
    code.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, |digest, byte| {
        (digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Grown up on the day the service opened, most of them between forty and sixty.
fn birthday(draw: &mut Draw) -> NaiveDate {
    let year = 1930 + draw.below(31) + draw.below(31);
    let first = i32::try_from(year).ok().and_then(|year| NaiveDate::from_yo_opt(year, 1));
    let first = first.unwrap_or_default();
    let length = if first.leap_year() { 366 } else { 365 };
    let day = 1 + draw.below(length);
    NaiveDate::from_yo_opt(first.year(), day).unwrap_or(first)
}
