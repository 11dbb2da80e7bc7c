use chrono::{Datelike, Days as DayCount, NaiveDate, Weekday};

use super::draw::Draw;

/// The service opened to citizens on this day.
pub(super) const FIRST: NaiveDate = ymd(2010, 4, 26);
/// The last day on which a mailbox could be activated.
pub(super) const LAST: NaiveDate = ymd(2014, 12, 17);

const fn ymd(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => NaiveDate::MIN, // no such day is written in this file; the tests look at both
    }
}

/// The day of each registration, ascending: a rush in the first weeks, then a long even tail with
/// fewer on Saturdays and Sundays. Each day gets its exact share of the whole.
pub(super) struct Days {
    registrations: u64,
    whole: u64,
    day: NaiveDate,
    /// The weight of the days up to and including `day`.
    reached: u64,
    given: u64,
}

impl Days {
    pub(super) fn new(registrations: u32) -> Self {
        let whole = FIRST.iter_days().take_while(|day| *day <= LAST).map(weight).sum();
        Self {
            registrations: registrations.into(),
            whole,
            day: FIRST,
            reached: weight(FIRST),
            given: 0,
        }
    }
}

impl Iterator for Days {
    type Item = NaiveDate;

    fn next(&mut self) -> Option<NaiveDate> {
        while self.given >= self.registrations * self.reached / self.whole {
            self.day = self.day.succ_opt().filter(|day| *day <= LAST)?;
            self.reached += weight(self.day);
        }
        self.given += 1;
        Some(self.day)
    }
}

/// How much of the whole a day gets, beside the others.
fn weight(day: NaiveDate) -> u64 {
    let age = u64::try_from(day.signed_duration_since(FIRST).num_days()).unwrap_or(0);
    let rush = 400_000 / (age + 20);
    let of_week = match day.weekday() {
        Weekday::Sun => 3,
        Weekday::Sat => 5,
        Weekday::Mon | Weekday::Tue | Weekday::Wed | Weekday::Thu | Weekday::Fri => 10,
    };
    (900 + rush) * of_week
}

/// The day of activation: usually within weeks, sometimes after years, never after the last day,
/// which replaces later ones.
pub(super) fn activation(draw: &mut Draw, requested_on: NaiveDate) -> NaiveDate {
    let within = match draw.below(100) {
        0..30 => 4,
        30..75 => 30,
        75..95 => 180,
        _ => 1_500,
    };
    let later = DayCount::new(draw.below(within).into());
    requested_on.checked_add_days(later).map_or(LAST, |day| day.min(LAST))
}
