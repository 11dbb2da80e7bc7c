use super::*;

#[test]
fn arming_ahead_is_days_or_off() {
    assert_eq!("14d".parse(), Ok(ArmAhead(Some(Duration::days(14)))));
    assert_eq!("3".parse(), Ok(ArmAhead(Some(Duration::days(3)))));
    assert_eq!("off".parse(), Ok(ArmAhead(None)));
    for wrong in ["0d", "-1", "2w", "", "9999999d"] {
        assert!(wrong.parse::<ArmAhead>().is_err(), "{wrong}");
    }
}
