use std::iter;

use domain::BirthPlace;

use super::draw::Draw;

/// The codes of large cities, the likeliest first: Rome, Milan, Naples, Turin, Palermo …
const CITIES: [&str; 20] = [
    "H501", "F205", "F839", "L219", "G273", "D969", "A944", "D612", "A662", "C351", "F158", "L781",
    "L736", "G224", "L424", "B354", "L049", "H224", "G478", "A271",
];
/// The codes of frequent countries of birth: Albania, Romania, Germany, Switzerland, France …
const COUNTRIES: [&str; 12] = [
    "Z100", "Z129", "Z112", "Z133", "Z110", "Z404", "Z330", "Z600", "Z614", "Z602", "Z103", "Z114",
];
/// The letters that the codes of municipalities start with.
const LETTERS: &str = "ABCDEFGHILM";

/// Every place, repeated by its weight.
pub(super) struct Places(Vec<BirthPlace>);

impl Places {
    pub(super) fn new() -> Self {
        let towns: Vec<String> = LETTERS
            .chars()
            .flat_map(|letter| (1..=949).map(move |number| format!("{letter}{number:03}")))
            .collect();
        let cities = falling(&CITIES, 40);
        let countries = falling(&COUNTRIES, 30);
        let all = towns.iter().map(String::as_str).chain(cities).chain(countries);
        Self(all.filter_map(|code| code.parse().ok()).collect())
    }

    /// Where a holder was born: half in any town, the others in a large city or abroad.
    pub(super) fn draw(&self, draw: &mut Draw) -> BirthPlace {
        let place = draw.index(self.0.len());
        self.0.get(place).copied().unwrap_or(BirthPlace::ROME)
    }
}

/// The first of the codes `step` times as often as the last, the others evenly between.
fn falling<'a>(codes: &'a [&str], step: usize) -> impl Iterator<Item = &'a str> {
    let times = (1..=codes.len()).rev();
    codes.iter().zip(times).flat_map(move |(code, times)| iter::repeat_n(*code, times * step))
}
