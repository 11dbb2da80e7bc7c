//! When a civil date begins, and what a plan says at an instant.
//!
//! A date of a plan starts at the first instant at which the clocks of its zone show that date or a later
//! one: mostly midnight, later where the clocks skip midnight or the whole day, and the first of the two
//! where midnight comes twice. Everything here answers for every date and instant that `chrono` can hold;
//! beyond them it saturates. Deliberately absent: days of 24 hours, and the present time.

use std::ops::Range;

use chrono::{
    DateTime, Days, MappedLocalTime, NaiveDate, NaiveTime, Offset, TimeDelta, TimeZone, Utc,
};
use chrono_tz::{GapInfo, Tz};

use crate::{Capabilities, Capability, Plan};

/// The first instant at which the zone's clocks show this date, or a later one where they skip it.
pub fn first_instant(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = date.and_time(NaiveTime::MIN);
    let found = match zone.from_local_datetime(&midnight) {
        MappedLocalTime::Single(instant) | MappedLocalTime::Ambiguous(instant, _) => Some(instant),
        MappedLocalTime::None => GapInfo::new(&midnight, &zone).and_then(|gap| gap.end),
    };
    match found {
        Some(instant) => instant.with_timezone(&Utc),
        // Only at the ends of chrono's range does a midnight have neither an instant nor a gap.
        None if date < NaiveDate::default() => DateTime::<Utc>::MIN_UTC,
        None => DateTime::<Utc>::MAX_UTC,
    }
}

/// The last instant (to the nanosecond) before the next date begins.
///
/// For a date that the zone skips it lies before [`first_instant`]: such a day holds no instant.
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
    /// When the phase of that place starts; the end of time where there is none.
    pub fn starts_at(&self, place: usize) -> DateTime<Utc> {
        let phase = self.phases.get(place);
        phase.map_or(DateTime::<Utc>::MAX_UTC, |phase| first_instant(phase.from, self.zone))
    }

    /// The place of the phase that the plan is in; `None` while it is in service.
    pub fn phase_at(&self, now: DateTime<Utc>) -> Option<usize> {
        self.due(now).next_back()
    }

    /// The places of all phases whose instant has come, in order: the started and those to start.
    pub fn due(&self, now: DateTime<Utc>) -> Range<usize> {
        let reached =
            self.phases.iter().take_while(|phase| first_instant(phase.from, self.zone) <= now);
        0..reached.count()
    }

    /// When the next phase starts; `None` once the last one has.
    pub fn next_wake(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = self.due(now).end;
        (next < self.phases.len()).then(|| self.starts_at(next))
    }

    /// What the plan allows at this instant.
    pub fn allowed_at(&self, now: DateTime<Utc>) -> Capabilities {
        self.allowed_before(self.due(now).end)
    }

    /// When a capability that is allowed now is next taken away; `None` where it is not allowed now, or
    /// no phase to come takes it away.
    pub fn ends_at(&self, capability: Capability, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !self.allowed_at(now).contains(capability) {
            return None;
        }
        let mut to_come = self.due(now).end..self.phases.len();
        to_come
            .find(|place| self.removes(*place).contains(capability))
            .map(|place| self.starts_at(place))
    }
}
