use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use crate::civil_date;

/// Parses a civil date `YYYY-MM-DD`, or an RFC 3339 instant, which counts as its civil date in the
/// zone.
pub(super) fn parse(text: &str, zone: Tz) -> Result<NaiveDate, String> {
    match text.as_bytes() {
        [] => Err("the date is missing; write YYYY-MM-DD".into()),
        [year @ .., b'-', m1, m2, b'-', d1, d2] if year.len() == 4 => {
            let day = number(year).zip(number(&[*m1, *m2])).zip(number(&[*d1, *d2]));
            let Some(((year, month), day)) = day else { return Err(form()) };
            let date =
                i32::try_from(year).ok().and_then(|year| NaiveDate::from_ymd_opt(year, month, day));
            date.ok_or_else(|| "the date does not exist in the calendar".into())
        }
        _ => match DateTime::parse_from_rfc3339(text) {
            Ok(instant) => Ok(civil_date(instant.with_timezone(&Utc), zone)),
            Err(_not_one) => Err(form()),
        },
    }
}

fn form() -> String {
    "not a date; write YYYY-MM-DD or an RFC 3339 instant such as 2014-12-17T10:30:00+01:00".into()
}

/// A number of at most four ASCII digits.
fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0'))
    })
}
