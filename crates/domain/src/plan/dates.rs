//! The plan as a calendar: which phase an instant is in, and when capabilities end.

use std::ops::Range;

use chrono::{DateTime, Utc};

use crate::{Capabilities, Capability, Plan, first_instant};

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
