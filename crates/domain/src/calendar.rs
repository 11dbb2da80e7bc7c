//! When a civil date begins, and what a plan allows at an instant.
//!
//! A date begins at the first instant at which the clocks of the plan's zone show it or a later
//! date: usually midnight, later if the clocks skip midnight or the whole day, and the first of two
//! midnights if there are two. All functions accept every date and instant that `chrono` can
//! represent, and saturate at its limits. Deliberately absent: days of 24 hours, and the current
//! time.

use std::ops::Range;

use chrono::{
    DateTime, Days, MappedLocalTime, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Utc,
};
use chrono_tz::{GapInfo, Tz};

use crate::{Capabilities, Capability, Plan};

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

impl Plan {
    /// The start of the phase at this index; the end of time beyond the last phase.
    pub fn starts_at(&self, index: usize) -> DateTime<Utc> {
        let phase = self.phases.get(index);
        phase.map_or(DateTime::<Utc>::MAX_UTC, |phase| first_instant(phase.from, self.zone))
    }

    /// The index of the phase that the calendar has reached; `None` before the first phase.
    pub fn phase_at(&self, now: DateTime<Utc>) -> Option<usize> {
        self.due(now).next_back()
    }

    /// The indices of all phases whose instant has passed, whether or not they have started.
    pub fn due(&self, now: DateTime<Utc>) -> Range<usize> {
        let reached =
            self.phases.iter().take_while(|phase| first_instant(phase.from, self.zone) <= now);
        0..reached.count()
    }

    /// The start of the next phase; `None` after the last one.
    pub fn next_wake(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = self.due(now).end;
        (next < self.phases.len()).then(|| self.starts_at(next))
    }

    /// The capabilities that the plan allows at this instant.
    pub fn allowed_at(&self, now: DateTime<Utc>) -> Capabilities {
        self.allowed_before(self.due(now).end)
    }

    /// When a capability that is allowed now will be removed; `None` if it is not allowed now or no
    /// later phase removes it.
    pub fn ends_at(&self, capability: Capability, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.allowed_at(now).contains(capability) {
            return None;
        }
        let mut upcoming = self.due(now).end..self.phases.len();
        upcoming
            .find(|index| self.removes(*index).contains(capability))
            .map(|index| self.starts_at(index))
    }
}
