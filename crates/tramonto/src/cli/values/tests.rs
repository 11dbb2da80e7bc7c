use super::*;

#[test]
fn a_reason_that_names_a_person_by_address_or_codice_fiscale_is_refused() {
    for (text, found) in [
        ("asked by mario.rossi@posta.example", "e-mail"),
        ("mario@localhost wrote", "e-mail"),
        ("RSSMRA85T10A562S asked", "codice fiscale"),
        ("holder rssmra85t10a562s", "codice fiscale"),
        ("(RSSMRA85T10A562S)", "codice fiscale"),
        ("RSSMRA 85T10 A562S", "codice fiscale"),
        ("with a wrong check character: RSSMRA85T10A562X", "codice fiscale"),
        ("omocodia RSSMRAURTMLARSNL", "codice fiscale"),
    ] {
        let refused = text.parse::<Reason>().expect_err(text);
        assert!(refused.contains(found), "{text}: {refused}");
        assert!(!refused.contains("RSSMRA"), "the refusal repeats it: {refused}");
    }
}

#[test]
fn a_reason_may_speak_of_orders_files_and_times() {
    for text in [
        "court order 77/2015, section 3",
        "the responsible office asked, protocol 2015/03/18-000123",
        "at 9 @ the office",
        "platform restored on 2015-03-18 at 09:00, ticket ABCDEF-123456",
    ] {
        assert_eq!(text.parse::<Reason>().as_ref().map(Reason::as_str), Ok(text));
    }
}

#[test]
fn an_empty_long_or_broken_reason_is_refused() {
    assert!("  ".parse::<Reason>().is_err());
    assert!("x".repeat(501).parse::<Reason>().is_err());
    assert!("two\nlines".parse::<Reason>().is_err());
}

#[test]
fn arming_ahead_is_days_or_off() {
    assert_eq!("14d".parse(), Ok(ArmAhead(Some(Duration::days(14)))));
    assert_eq!("3".parse(), Ok(ArmAhead(Some(Duration::days(3)))));
    assert_eq!("off".parse(), Ok(ArmAhead(None)));
    for wrong in ["0d", "-1", "2w", "", "9999999d"] {
        assert!(wrong.parse::<ArmAhead>().is_err(), "{wrong}");
    }
}

#[test]
fn a_date_means_a_day_and_an_instant_means_itself() {
    let day = NaiveDate::from_ymd_opt(2015, 3, 18).expect("a date");
    assert_eq!("2015-03-18".parse(), Ok(AsOf::Day(day)));
    let instant = "2015-03-17T23:00:00Z".parse().expect("an instant");
    assert_eq!("2015-03-18T00:00:00+01:00".parse(), Ok(AsOf::Instant(instant)));
    assert!("18/03/2015".parse::<AsOf>().is_err());
}

#[test]
fn a_mailbox_is_named_by_address_id_or_number_and_never_shown_in_debug() {
    let address: Target = "a.b@postacertificata.example".parse().expect("an address");
    assert_eq!(format!("{address:?}"), "Address");
    assert_eq!("17".parse(), Ok(Target::Number(17)));
    let programme = "cec-pac".parse().expect("a name");
    let id = MailboxId::new(&programme, 17);
    assert_eq!(id.to_string().parse(), Ok(Target::Id(id)));
    assert!("nobody".parse::<Target>().is_err());
}
