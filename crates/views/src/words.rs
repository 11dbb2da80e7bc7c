//! Numbers and instants for people.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
pub use domain::utc;

/// A number with thousands separators.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 mailbox`, `2 mailboxes`.
pub fn mailboxes(number: u64) -> String {
    if number == 1 { "1 mailbox".to_owned() } else { format!("{} mailboxes", count(number)) }
}

/// An instant in the zone's local time, to the minute.
pub(crate) fn local(instant: DateTime<Utc>, zone: Tz) -> String {
    instant.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (2_121_783, "2,121,783"),
            (100_000, "100,000"),
        ] {
            assert_eq!(count(number), text);
        }
    }

    #[test]
    fn one_mailbox_is_no_plural() {
        assert_eq!((mailboxes(1), mailboxes(0)), ("1 mailbox".into(), "0 mailboxes".into()));
    }
}
