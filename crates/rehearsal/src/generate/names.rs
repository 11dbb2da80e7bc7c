use std::collections::HashSet;

use super::draw::Draw;

/// Ordinary stems of surnames, the likeliest first.
const STEMS: &str = "\
    Ross Ferrar Bianch Roman Ricc Marin Brun Gall Cont Mancin Cost Giordan Rizz Lombard Morett \
    Barbier Fontan Santor Marian Rinald Carus Ferrer Martinell Leon Gentil Martin Vital Serr \
    Copp Pellegrin Palumb Montan Valentin Caputt Fabbr Bassan";
/// Syllables of which the other surnames are composed.
const ONSETS: &str = "\
    Bal Bar Bel Ber Bol Bon Brug Cal Cam Cap Car Cas Cat Cer Col Cor Dal Don Fal Fer Fin For Gal \
    Gar Gen Ghir Giar Gran Grim Guar Lan Luc Mal Man Mas Mel Mon Mor Nar Orl Pal Pan Par Pas Per \
    Pier Pol Ric Riv Sal San Sar Scar Ser Sil Tar Tes Val Ven Vil";
const MIDDLES: &str = "a e i o u ari ela eni era esi ila ina ola ona ora ota ura usi ave";
const ENDINGS: &str = "ni rini lli tti ssi sco no ro cci zzi ldi netti sini";
/// His given names, the likeliest first.
const HIS: &str = "\
    Mario Francesco Paolo Antonio Roberto Stefano Carlo Gabriele Giovanni Alessandro Valerio \
    Claudio Daniele Fabio Giulio Lucio Maurizio Patrizio Emanuele Simone Silvio Federico Alberto \
    Eugenio Giuseppe Luigi Salvatore Vincenzo Pietro Andrea Marco Luca Domenico Angelo Bruno \
    Franco Sergio Matteo Davide Raffaele Michele Nicolò Riccardo Tommaso";
/// Her given names.
const HERS: &str = "\
    Maria Francesca Paola Antonia Roberta Stefania Carla Gabriella Giovanna Alessandra Valeria \
    Claudia Daniela Fabia Giulia Lucia Maurizia Patrizia Emanuela Simona Silvia Federica Alberta \
    Eugenia Anna Rosa Teresa Lucia Caterina Elena Laura Sara Chiara Monica Barbara Cristina \
    Elisabetta Marta Ilaria Giuseppina Concetta Rita Luisa Beatrice";
/// Thousands, as in the country.
const SURNAMES: usize = 6_000;

/// A name and the form it has in an address.
struct Name {
    /// As it is written.
    written: String,
    /// In small letters, with nothing but `a` to `z`: no two names of a list have the same.
    plain: String,
}

/// Names, some much likelier than others: the weight of the place `n` is as that of Zipf's law.
pub(super) struct Names {
    names: Vec<Name>,
    /// Up to which draw each name is meant.
    until: Vec<u32>,
}

impl Names {
    pub(super) fn surnames() -> Self {
        let ordinary = STEMS.split(' ').map(|stem| format!("{stem}i"));
        let others = STEMS.split(' ').map(|stem| format!("{stem}o"));
        Self::new(ordinary.chain(others).chain(composed()).take(SURNAMES + 500), 30, SURNAMES)
    }

    pub(super) fn his() -> Self {
        Self::given(HIS, "Gian")
    }

    pub(super) fn hers() -> Self {
        Self::given(HERS, "Maria")
    }

    /// Single names first, then the double ones (`Maria Rosa`).
    fn given(single: &str, double: &str) -> Self {
        let doubles = single.split(' ').skip(1).map(|name| format!("{double} {name}"));
        Self::new(single.split(' ').map(str::to_owned).chain(doubles), 12, usize::MAX)
    }

    /// `flat` is how slowly the likeliness falls at the head of the list.
    fn new(written: impl Iterator<Item = String>, flat: u32, longest: usize) -> Self {
        let mut seen = HashSet::new();
        let names: Vec<Name> = written
            .map(|written| Name { plain: plain(&written), written })
            .filter(|name| seen.insert(name.plain.clone()))
            .take(longest)
            .collect();
        let weights = (flat..).map(|place| 50_000_000 / place);
        let until = weights.take(names.len()).scan(0_u32, |sum, weight| {
            *sum = sum.saturating_add(weight);
            Some(*sum)
        });
        Self { until: until.collect(), names }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// The name at an index, in its written form and its form in an address.
    pub(super) fn get(&self, place: usize) -> (&str, &str) {
        self.names.get(place).map(|name| (&*name.written, &*name.plain)).unwrap_or_default()
    }

    /// The place of one of them.
    pub(super) fn draw(&self, draw: &mut Draw) -> usize {
        let drawn = draw.below(self.until.last().copied().unwrap_or(0));
        self.until.partition_point(|until| *until <= drawn)
    }
}

/// Surnames put together from syllables, in an order that does not follow the alphabet; some with a
/// particle, some with an accent at the end.
fn composed() -> impl Iterator<Item = String> {
    let [onsets, middles, endings] =
        [ONSETS, MIDDLES, ENDINGS].map(|list| list.split(' ').collect::<Vec<_>>());
    let whole = onsets.len() * middles.len() * endings.len();
    // A prime that divides none of the three lengths: every combination occurs once.
    (0..whole).map(move |step| step * 7_919 % whole).enumerate().filter_map(
        move |(place, combination)| {
            let onset = onsets.get(combination % onsets.len())?;
            let rest = combination / onsets.len();
            let middle = middles.get(rest % middles.len())?;
            let ending = endings.get(rest / middles.len())?;
            let surname = format!("{onset}{middle}{ending}");
            Some(match place % 60 {
                7 => format!("De {surname}"),
                17 => format!("Di {surname}"),
                27 => format!("D'A{}", surname.to_lowercase()),
                37 => format!("Lo {surname}"),
                47 => format!("{onset}{middle}ccà"),
                57 => format!("{onset}{middle}ndò"),
                _ => surname,
            })
        },
    )
}

fn plain(written: &str) -> String {
    let letter = |character: char| match character {
        'à' => Some('a'),
        'ò' => Some('o'),
        _ => Some(character.to_ascii_lowercase()).filter(char::is_ascii_lowercase),
    };
    written.chars().filter_map(letter).collect()
}
