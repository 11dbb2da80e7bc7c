//! Clock checks: a phase that was started too early cannot be undone, so an implausible clock
//! starts nothing.

use chrono::{DateTime, Months, TimeDelta, Utc};
use domain::Plan;

use crate::Error;

/// Two machines may differ by minutes, and a zone set as if it were UTC by an hour.
const BEHIND: TimeDelta = TimeDelta::hours(1);
/// A programme may be inspected long after its end; 20 years are beyond any of them.
const AHEAD: Months = Months::new(20 * 12);

/// Refuses a clock that is more than an hour behind the newest event of the log.
pub(crate) fn not_behind(now: DateTime<Utc>, newest: DateTime<Utc>) -> Result<(), Error> {
    if newest - now > BEHIND { Err(Error::ClockBehind { now, newest }) } else { Ok(()) }
}

/// Refuses a clock that is more than 20 years beyond the plan's last phase.
pub(crate) fn not_ahead(now: DateTime<Utc>, plan: &Plan) -> Result<(), Error> {
    let last_phase = plan.starts_at(plan.phases.len().saturating_sub(1));
    let end = last_phase.checked_add_months(AHEAD).unwrap_or(DateTime::<Utc>::MAX_UTC);
    if now > end { Err(Error::ClockAhead { now, last_phase }) } else { Ok(()) }
}
