//! One row of the log, with the plan that was in force when it took effect.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Capability, Plan, first_instant};
use roaring::RoaringBitmap;

/// A row and what it is checked against.
pub(super) struct Row<'a> {
    /// Its position in the log.
    pub(super) position: i64,
    /// When it took effect.
    pub(super) at: DateTime<Utc>,
    /// Who appended it.
    pub(super) actor: &'a str,
    /// The plan in force.
    pub(super) plan: &'a Plan,
    /// Mailboxes that were ever activated.
    pub(super) activated: &'a RoaringBitmap,
    /// Withdrawn mailboxes.
    pub(super) withdrawn: &'a RoaringBitmap,
    /// Violations, one sentence each.
    pub(super) wrong: &'a mut Vec<String>,
}

impl Row<'_> {
    /// Records a violation if this is false.
    pub(super) fn unless(&mut self, right: bool, does: &str) {
        if !right {
            self.wrong.push(format!("event {} {does}", self.position));
        }
    }

    /// Records a violation if it concerns any mailbox.
    pub(super) fn none(&mut self, whose: &RoaringBitmap, does: &str) {
        self.unless(whose.is_empty(), &format!("{does}, of {} mailboxes", whose.len()));
    }

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
