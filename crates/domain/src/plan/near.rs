//! Suggestions for misspelt words: the known word nearest to an unknown one.

use chrono_tz::{TZ_VARIANTS, Tz};

/// The nearest of the words, if it is near enough to be a misspelling.
pub(super) fn word<'w>(text: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    let wanted = plain(text);
    let slips = |word: &str| strsim::damerau_levenshtein(&wanted, &plain(word));
    let (slips, word) = words.into_iter().map(|word| (slips(word), word)).min()?;
    // One wrong letter in three is still a misspelling; more is another word.
    (slips <= (wanted.chars().count() / 3).max(1)).then_some(word)
}

/// The IANA zone whose name, or whose city alone, is nearest to the text.
pub(super) fn zone(text: &str) -> Tz {
    let wanted = text.to_lowercase().replace(' ', "_");
    let likeness = |zone: &Tz| {
        let name = zone.name().to_lowercase();
        let city = name.rsplit('/').next().unwrap_or(&name);
        strsim::jaro_winkler(&wanted, &name).max(strsim::jaro_winkler(&wanted, city))
    };
    let nearer = |a: &Tz, b: &Tz| likeness(a).total_cmp(&likeness(b));
    TZ_VARIANTS.into_iter().max_by(nearer).unwrap_or(Tz::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelling_is_corrected_and_another_word_is_not() {
        let keys = ["programme", "title", "catch-up", "in-service"];
        for (text, expected) in [
            ("program", Some("programme")),
            ("Title", Some("title")),
            ("catch_up", Some("catch-up")),
            ("in_servcie", Some("in-service")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(word(text, keys), expected, "{text}");
        }
    }

    #[test]
    fn a_zone_is_found_by_name_city_or_case() {
        for (text, expected) in [
            ("Europe/Roma", "Europe/Rome"),
            ("europe/rome", "Europe/Rome"),
            ("Rome", "Europe/Rome"),
            ("America/Sao Paulo", "America/Sao_Paulo"),
            ("Asia/Beruit", "Asia/Beirut"),
        ] {
            assert_eq!(zone(text).name(), expected, "{text}");
        }
    }
}
