use proptest::prelude::*;

use super::*;
use crate::Plan;

const GOOD: [&str; 9] = [
    "R0000001",
    "RSSMRA85T10A562S",
    "Rossi",
    "Mario",
    "mario.rossi@postacertificata.example",
    "2010-05-01",
    "2010-05-20",
    "2011-01-31",
    "mario@posta.example",
];

/// The evening of the last day on which a mailbox could be activated.
fn rules() -> RegistrationRules {
    RegistrationRules::new(&Plan::cec_pac().unwrap(), "2014-12-17T20:00:00Z".parse().unwrap())
}

fn with(column: &str, field: &str) -> Result<Registration, InvalidRegistration> {
    let mut fields = GOOD;
    let index = Registration::COLUMNS.iter().position(|name| *name == column).unwrap();
    fields[index] = field;
    Registration::check(&fields, &rules())
}

#[test]
fn a_valid_row_is_accepted_unchanged() {
    let row = Registration::check(&GOOD, &rules()).unwrap();
    assert_eq!(row.registration_id, "R0000001");
    assert_eq!(row.codice_fiscale.as_str(), "RSSMRA85T10A562S");
    assert_eq!((row.surname.as_str(), row.name.as_str()), ("Rossi", "Mario"));
    assert_eq!(row.address, "mario.rossi@postacertificata.example");
    assert_eq!(row.requested_on.to_string(), "2010-05-01");
    assert_eq!(row.activated_on.unwrap().to_string(), "2010-05-20");
    assert_eq!(row.last_sent_on.unwrap().to_string(), "2011-01-31");
    assert_eq!(row.notify_email.as_deref(), Some("mario@posta.example"));
}

#[test]
fn optional_fields_may_be_empty() {
    let mut fields = GOOD;
    (fields[6], fields[7], fields[8]) = ("", "  ", "");
    let row = Registration::check(&fields, &rules()).unwrap();
    assert_eq!((row.activated_on, row.last_sent_on, row.notify_email), (None, None, None));
}

#[test]
fn surrounding_spaces_and_upper_case_are_normalised() {
    let row = with("address", "  Mario.ROSSI@PostaCertificata.Example ").unwrap();
    assert_eq!(row.address, "mario.rossi@postacertificata.example");
    assert_eq!(
        with("codice_fiscale", " rssmra85t10a562s").unwrap().codice_fiscale,
        row.codice_fiscale
    );
}

#[test]
fn every_bad_field_is_refused_with_its_column_and_reason() {
    let long = "a".repeat(121);
    let local = format!("{}@posta.example", "a".repeat(65));
    let address = format!("a@{}example", "abcdefghij.".repeat(25));
    let cases = [
        ("registration_id", "", "missing"),
        ("registration_id", "R 1", "not a registration id"),
        ("registration_id", &long, "not a registration id"),
        ("codice_fiscale", "", "missing"),
        ("codice_fiscale", "RSSMRA85T10A562T", "check character"),
        ("codice_fiscale", "RSSMRA85T10A562", "16 letters and digits"),
        ("codice_fiscale", "RSSMRA85D31A562S", "day of birth"),
        ("surname", "", "missing"),
        ("surname", "Ros\u{7}si", "control character"),
        ("surname", "Ros\nsi", "control character"),
        ("name", "   ", "missing"),
        ("name", &long, "longer than 120"),
        ("address", "", "missing"),
        ("address", "mario.rossi", "has no @"),
        ("address", "@posta.example", "before the @"),
        ("address", ".mario@posta.example", "before the @"),
        ("address", "mario..rossi@posta.example", "before the @"),
        ("address", "mario rossi@posta.example", "before the @"),
        ("address", "nicolò@posta.example", "before the @"),
        ("address", &local, "before the @"),
        ("address", "mario@rossi@posta.example", "after the @"),
        ("address", "mario@localhost", "after the @"),
        ("address", "mario@posta..example", "after the @"),
        ("address", "mario@-posta.example", "after the @"),
        ("address", &address, "at most 254"),
        ("requested_on", "", "missing"),
        ("requested_on", "01/05/2010", "not a date"),
        ("requested_on", "2010-5-1", "not a date"),
        ("requested_on", "+010-05-01", "not a date"),
        ("requested_on", "2010-02-30", "does not exist"),
        ("requested_on", "2010-13-01", "does not exist"),
        ("requested_on", "1969-12-31", "not between 1970-01-01"),
        ("requested_on", "2014-12-18", "in the future: today is 2014-12-17"),
        ("requested_on", "2014-12-18T00:30:00+01:00", "in the future"),
        ("activated_on", "2010-04-30", "before it was requested"),
        ("activated_on", "2014-12-18", "in the future"),
        ("activated_on", "soon", "not a date"),
        ("last_sent_on", "2010-05-19", "before it was activated"),
        ("last_sent_on", "9999-99-99", "does not exist"),
        ("notify_email", "mario", "has no @"),
    ];
    for (column, field, reason) in cases {
        let refused = with(column, field).unwrap_err();
        assert_eq!(refused.column, column, "{field:?}: {refused}");
        assert!(refused.reason.contains(reason), "{field:?}: {refused}");
        let repeated = field.trim().len() > 6 && refused.reason.contains(field);
        assert!(!repeated, "{refused} repeats what the field holds");
    }
}

#[test]
fn a_mailbox_that_was_never_activated_cannot_have_sent() {
    let mut fields = GOOD;
    fields[6] = "";
    let refused = Registration::check(&fields, &rules()).unwrap_err();
    assert_eq!(refused.column, "last_sent_on");
    assert!(refused.reason.contains("never activated"), "{refused}");
}

#[test]
fn an_activation_after_the_plan_closed_them_is_refused_and_one_on_the_last_day_is_not() {
    let later =
        RegistrationRules::new(&Plan::cec_pac().unwrap(), "2015-02-01T00:00:00Z".parse().unwrap());
    let mut fields = GOOD;
    fields[7] = "";
    for (day, closed) in [
        ("2014-12-17", false),
        ("2014-12-17T22:59:59Z", false),
        ("2014-12-17T23:00:00Z", true),
        ("2014-12-18", true),
        ("2015-01-31", true),
    ] {
        fields[6] = day;
        match Registration::check(&fields, &later) {
            Ok(_) => assert!(!closed, "{day}"),
            Err(refused) => {
                assert!(closed, "{day}: {refused}");
                assert_eq!(refused.column, "activated_on");
                assert!(refused.reason.contains("from 2014-12-18 on"), "{refused}");
            }
        }
    }
}

#[test]
fn an_instant_counts_as_the_day_in_the_zone_of_the_plan() {
    let row = with("requested_on", "2010-04-30T22:30:00Z").unwrap();
    assert_eq!(row.requested_on.to_string(), "2010-05-01");
}

#[test]
fn the_debug_form_shows_no_personal_data() {
    let shown = format!("{:?}", Registration::check(&GOOD, &rules()).unwrap());
    for personal in ["Rossi", "Mario", "mario", "RSSMRA"] {
        assert!(!shown.contains(personal), "{shown}");
    }
}

proptest! {
    #[test]
    fn no_field_panics_and_an_accepted_row_is_accepted_again(
        column in 0..9_usize,
        field in "\\PC{0,40}|[a-z0-9.@-]{0,80}|[0-9]{4}-[0-9]{2}-[0-9]{2}",
    ) {
        let mut fields = GOOD;
        fields[column] = &field;
        if let Ok(row) = Registration::check(&fields, &rules()) {
            let dates = [Some(row.requested_on), row.activated_on, row.last_sent_on];
            let dates = dates.map(|day| day.map(|day| day.to_string()).unwrap_or_default());
            let notice = row.notify_email.clone().unwrap_or_default();
            let again = [
                &*row.registration_id, row.codice_fiscale.as_str(), &row.surname, &row.name,
                &row.address, &dates[0], &dates[1], &dates[2], &notice,
            ];
            prop_assert!(Registration::check(&again, &rules()) == Ok(row.clone()));
        }
    }
}
