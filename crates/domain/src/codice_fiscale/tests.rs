use chrono::NaiveDate;
use proptest::prelude::*;

use super::*;

fn compose(surname: &str, name: &str, born_on: &str, sex: Sex, place: &str) -> CodiceFiscale {
    let born_on: NaiveDate = born_on.parse().unwrap();
    let birth_place: BirthPlace = place.parse().unwrap();
    CodiceFiscale::compose(&Person { surname, name, born_on, sex, birth_place })
}

#[test]
fn the_published_example_is_valid_and_can_be_composed() {
    let example: CodiceFiscale = "RSSMRA85T10A562S".parse().unwrap();
    assert_eq!(compose("Rossi", "Mario", "1985-12-10", Sex::Male, "A562"), example);
    assert_eq!(example.omocodia(), 0);
}

#[test]
fn names_contribute_the_letters_of_the_decree() {
    let cases = [
        ("Rossi", "Mario", "RSSMRA"),
        ("Fo", "Ada", "FOXDAA"),
        ("Aiello", "Io", "LLAIOX"),
        ("D'Amico", "Gianfranco", "DMCGFR"),
        ("De Luca", "Maria Grazia", "DLCMGR"),
        ("Niccolò", "Niccolò", "NCCNCL"),
        ("Bo", "Ugo", "BOXGUO"),
    ];
    for (surname, name, letters) in cases {
        let code = compose(surname, name, "1950-01-01", Sex::Male, "H501");
        assert_eq!(&code.as_str()[..6], letters, "{surname} {name}");
    }
}

#[test]
fn forty_is_added_to_the_day_of_women() {
    let code = compose("Bianchi", "Anna", "1960-02-29", Sex::Female, "Z404");
    assert_eq!(&code.as_str()[6..15], "60B69Z404");
}

#[test]
fn an_invalid_code_is_refused_without_repeating_it() {
    use InvalidCodiceFiscale::{Birth, Character, Check, Length};
    let cases = [
        ("", Length(0)),
        ("RSSMRA85T10A562", Length(15)),
        ("RSSMRA85T10A562SS", Length(17)),
        ("RSSMRà85T10A562S", Length(16)),
        ("RSSMR985T10A562S", Character(6)),
        ("RSSMRA8AT10A562S", Character(8)),
        ("RSSMRA85F10A562S", Character(9)),
        ("RSSMRA85T10A562 ", Character(16)),
        ("RSSMRA85T00A562S", Birth),
        ("RSSMRA85T32A562S", Birth),
        ("RSSMRA85T40A562S", Birth),
        ("RSSMRA85T72A562S", Birth),
        ("RSSMRA85B29A562S", Birth),
        ("RSSMRA85D31A562S", Birth),
        ("RSSMRA85T10A562T", Check),
        ("RSSMRA85T11A562S", Check),
    ];
    for (text, reason) in cases {
        assert_eq!(text.parse::<CodiceFiscale>(), Err(reason), "{text}");
    }
    let shown = format!("{:?}", "RSSMRA85T10A562S".parse::<CodiceFiscale>().unwrap());
    assert!(!shown.contains("RSS"), "{shown}");
}

#[test]
fn the_29th_of_february_needs_a_leap_year() {
    for (year, exists) in [("00", true), ("84", true), ("85", false), ("01", false)] {
        let text = format!("RSSMRA{year}B29A562");
        let mut characters = [b'A'; 16];
        characters[..15].copy_from_slice(text.as_bytes());
        let code = CodiceFiscale::sealed(characters).as_str().parse::<CodiceFiscale>();
        assert_eq!(code.is_ok(), exists, "{year}");
    }
}

#[test]
fn lower_case_is_accepted() {
    let code: CodiceFiscale = "rssmra85t10a562s".parse().unwrap();
    assert_eq!(code.as_str(), "RSSMRA85T10A562S");
}

fn any_person() -> impl Strategy<Value = (String, String, NaiveDate, bool, u32)> {
    let day = (0i64..40_000).prop_map(|days| {
        NaiveDate::from_ymd_opt(1900, 1, 1).unwrap() + chrono::Duration::days(days)
    });
    ("[A-Za-z' àèéìòù]{0,20}", "[A-Za-z' àèéìòù]{0,20}", day, any::<bool>(), 0..1_000_u32)
}

proptest! {
    #[test]
    fn every_composed_code_is_valid_with_and_without_omocodia(
        (surname, name, born_on, woman, place) in any_person(),
        count in 0..=7_usize,
    ) {
        let sex = if woman { Sex::Female } else { Sex::Male };
        let birth_place: BirthPlace = format!("Z{place:03}").parse().unwrap();
        let person = Person { surname: &surname, name: &name, born_on, sex, birth_place };
        let code = CodiceFiscale::compose(&person);
        prop_assert_eq!(code.as_str().parse(), Ok(code));
        let replaced = code.with_omocodia(count);
        prop_assert_eq!(replaced.as_str().parse(), Ok(replaced));
        prop_assert_eq!(replaced.omocodia(), count);
    }

    #[test]
    fn one_wrong_character_is_detected_unless_it_has_the_same_weight(
        (surname, name, born_on, woman, place) in any_person(),
        wrong in 0..15_usize,
        other in "[A-Z0-9]",
    ) {
        let sex = if woman { Sex::Female } else { Sex::Male };
        let birth_place: BirthPlace = format!("Z{place:03}").parse().unwrap();
        let person = Person { surname: &surname, name: &name, born_on, sex, birth_place };
        let code = CodiceFiscale::compose(&person);
        let mut text = code.as_str().to_owned();
        text.replace_range(wrong..=wrong, &other);
        let was = code.as_str().as_bytes()[wrong];
        let is = other.as_bytes()[0];
        let value = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' };
        prop_assume!(value(was) != value(is));
        prop_assert!(text.parse::<CodiceFiscale>().is_err());
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,20}") {
        if let Ok(code) = text.parse::<CodiceFiscale>() {
            prop_assert_eq!(code.as_str(), text.to_ascii_uppercase());
        }
    }
}
