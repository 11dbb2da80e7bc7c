//! The instants of one cron expression in one zone.
//!
//! Where the clocks change, an expression that names hours occurs once on every day it names: at
//! the first valid instant where its time does not exist, at the first of the two where it exists
//! twice. An expression for every hour (`*`) follows elapsed time. Deliberately absent: years after
//! 2100, where `cron` ends.

use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{GapInfo, Tz};
use cron::{Schedule, TimeUnitSpec};

use crate::Error;

/// The instants of recurring work, in order and without end.
#[derive(Debug, Clone)]
pub(crate) struct Occurrences {
    schedule: Schedule,
    zone: Tz,
}

impl Occurrences {
    /// Parses the expression, with seconds, of an entry of the plan.
    pub(crate) fn parse(entry: String, cron: &str, zone: Tz) -> Result<Self, Error> {
        let wrong = |problem| Error::Cron { entry, cron: cron.to_owned(), problem };
        match Schedule::from_str(cron) {
            Ok(schedule) if schedule.after(&DateTime::UNIX_EPOCH).next().is_some() => {
                Ok(Self { schedule, zone })
            }
            Ok(_) => Err(wrong("never occurs".to_owned())),
            Err(error) => Err(wrong(format!("cannot be parsed: {error}"))),
        }
    }

    /// The first occurrence after an instant.
    pub(crate) fn after(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.schedule.hours().is_all() {
            self.by_elapsed_time(instant)
        } else {
            self.by_wall_clock(instant)
        }
    }

    /// The last occurrence in `(after, until]`, searched from the end in windows that double.
    pub(crate) fn last_in(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        let mut window = TimeDelta::minutes(1);
        loop {
            let from = until.checked_sub_signed(window).map_or(after, |from| from.max(after));
            let first = self.after(from).filter(|at| *at <= until);
            match first {
                Some(first) => return Some(self.run(first, until).last().unwrap_or(first)),
                None if from <= after => return None,
                None => window = window.checked_mul(2)?,
            }
        }
    }

    /// The occurrences after an instant, up to and including another.
    pub(crate) fn run(
        &self,
        after: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.after(after), |at| self.after(*at))
            .take_while(move |at| *at <= until)
    }

    /// By the readings of a wall clock in order, each at its first instant.
    fn by_wall_clock(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let reading = self.reading(instant)?;
        let readings = self.schedule.after(&reading.and_utc());
        readings.map_while(|reading| self.first(reading.naive_utc())).find(|at| *at > instant)
    }

    /// The current offset is kept until a candidate lies beyond a change of the clocks; the search
    /// then goes on from that change with the offset there.
    fn by_elapsed_time(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut from = DateTime::from_timestamp(instant.timestamp(), 0)?;
        let mut offset = self.offset(from);
        // Each turn passes a change of the clocks; a candidate is rarely beyond two.
        for _ in 0..8 {
            let reading = from.naive_utc().checked_add_signed(offset)?.and_utc();
            let next = self.schedule.after(&reading).next()?.checked_sub_signed(offset)?;
            if self.offset(next) == offset {
                return Some(next);
            }
            let change = self.change(from, next, offset);
            // The change itself may be an occurrence.
            from = change - TimeDelta::seconds(1);
            offset = self.offset(change);
        }
        self.by_wall_clock(instant)
    }

    /// The second at which the zone leaves the offset that it has just after `low` and no longer at
    /// `high`.
    fn change(
        &self,
        mut low: DateTime<Utc>,
        mut high: DateTime<Utc>,
        offset: TimeDelta,
    ) -> DateTime<Utc> {
        while high - low > TimeDelta::seconds(1) {
            let middle = low + TimeDelta::seconds((high - low).num_seconds() / 2);
            if self.offset(middle) == offset {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    fn offset(&self, instant: DateTime<Utc>) -> TimeDelta {
        let offset = self.zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
        TimeDelta::seconds(offset.local_minus_utc().into())
    }

    fn reading(&self, instant: DateTime<Utc>) -> Option<NaiveDateTime> {
        instant.naive_utc().checked_add_signed(self.offset(instant))
    }

    /// The first instant at which the clocks show a reading or, where they skip it, the end of the
    /// gap.
    fn first(&self, reading: NaiveDateTime) -> Option<DateTime<Utc>> {
        let found = self.zone.from_local_datetime(&reading).earliest();
        let found = found.or_else(|| GapInfo::new(&reading, &self.zone)?.end)?;
        Some(found.with_timezone(&Utc))
    }
}
