//! One row of the log, with the plan that was in force when it took effect.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Capability, Plan, first_instant};

/// A row and the plan in force.
pub(super) struct Row<'a> {
    /// Its position in the log.
    pub(super) position: i64,
    /// When it took effect.
    pub(super) at: DateTime<Utc>,
    /// Who appended it.
    pub(super) actor: &'a str,
    /// The plan in force.
    pub(super) plan: &'a Plan,
}

impl Row<'_> {
    /// The civil day on which it took effect.
    pub(super) fn day(&self) -> NaiveDate {
        self.at.with_timezone(&self.plan.zone).date_naive()
    }

    /// Did the phases allow this then?
    pub(super) fn allowed(&self, capability: Capability) -> bool {
        self.allowed_by(self.at, capability)
    }

    /// Did they on a civil day up to that of the row?
    pub(super) fn allowed_on(&self, day: NaiveDate, capability: Capability) -> bool {
        day <= self.day() && self.allowed_by(first_instant(day, self.plan.zone), capability)
    }

    fn allowed_by(&self, at: DateTime<Utc>, capability: Capability) -> bool {
        let phases = self.plan.phases.iter().enumerate().rev();
        let mut begun = phases.filter(|(place, _)| self.plan.starts_at(*place) <= at);
        let allows = begun.next().map_or(self.plan.in_service, |(_, phase)| phase.allows);
        allows.contains(capability)
    }
}
