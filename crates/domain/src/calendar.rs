//! When a civil date begins, and what a plan allows at an instant.
//!
//! A date begins at the first instant at which the clocks of the plan's zone show it or a later
//! date: usually midnight, later if the clocks skip midnight or the whole day, and the first of two
//! midnights if there are two. All functions accept every date and instant that `chrono` can
//! represent, and saturate at its limits. Deliberately absent: days of 24 hours, and the current
//! time.

use chrono::{
    DateTime, Days, MappedLocalTime, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Utc,
};
use chrono_tz::{GapInfo, Tz};

/// The first instant at which the zone's clocks show this date, or a later date if they skip it.
pub fn first_instant(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = date.and_time(NaiveTime::MIN);
    let found = match zone.from_local_datetime(&midnight) {
        MappedLocalTime::Single(instant) | MappedLocalTime::Ambiguous(instant, _) => Some(instant),
        MappedLocalTime::None => GapInfo::new(&midnight, &zone).and_then(|gap| gap.end),
    };
    match found {
        Some(instant) => instant.with_timezone(&Utc),
        // A midnight without an instant or a gap exists only at the limits of chrono's range.
        None if date < NaiveDate::default() => DateTime::<Utc>::MIN_UTC,
        None => DateTime::<Utc>::MAX_UTC,
    }
}

/// The last instant (to the nanosecond) before the next date begins.
///
/// For a date that the zone skips it lies before [`first_instant`]: such a date contains no
/// instant.
pub fn last_instant_of(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let Some(next) = date.checked_add_days(Days::new(1)) else { return DateTime::<Utc>::MAX_UTC };
    let end = first_instant(next, zone);
    end.checked_sub_signed(TimeDelta::nanoseconds(1)).unwrap_or(end)
}

/// The date that the zone's clocks show at this instant.
pub fn civil_date(instant: DateTime<Utc>, zone: Tz) -> NaiveDate {
    let utc = instant.naive_utc();
    let offset = zone.offset_from_utc_datetime(&utc).fix();
    utc.checked_add_offset(offset).map_or(utc.date(), |local| local.date())
}
