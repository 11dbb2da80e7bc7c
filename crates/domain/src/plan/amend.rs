//! Limits of amendments: the past cannot change.

use std::collections::BTreeSet;

use crate::{PhaseId, Plan};

impl Plan {
    /// Why this plan, given its started phases, cannot be amended to the next; empty if it can.
    ///
    /// Titles and sources may change at any time, and phases that have not started may change
    /// freely.
    pub fn amendment_problems(&self, next: &Self, started: &BTreeSet<PhaseId>) -> Vec<String> {
        let mut problems = Vec::new();
        if next.programme != self.programme {
            problems.push(format!(
                "the plan is for programme {}, but this store runs {}; use a plan for {}",
                next.programme, self.programme, self.programme
            ));
        }
        let has_started = |id: &PhaseId| started.contains(id);
        let past = self.phases.iter().filter(|phase| has_started(&phase.id)).count();
        if next.zone != self.zone {
            problems.push(format!(
                "the zone cannot change from {} to {}, because every date would move; keep {}",
                self.zone, next.zone, self.zone
            ));
        }
        if past > 0 && next.in_service != self.in_service {
            problems.push(format!(
                "the capabilities in service cannot change from {} to {} after the first phase has \
                 started; keep them",
                self.in_service, next.in_service
            ));
        }
        for phase in self.phases.iter().filter(|phase| has_started(&phase.id)) {
            let id = &phase.id;
            let Some(amended) = next.phase(id) else {
                problems.push(format!("phase {id} has started and cannot be removed; restore it"));
                continue;
            };
            if amended.from != phase.from {
                problems.push(format!(
                    "phase {id} has started and cannot move from {} to {}; keep its date",
                    phase.from, amended.from
                ));
            }
            if amended.allows != phase.allows {
                problems.push(format!(
                    "phase {id} has started and cannot allow {} instead of {}; keep its \
                     capabilities, or add a later phase",
                    amended.allows, phase.allows
                ));
            }
            if amended.restores != phase.restores {
                problems
                    .push(format!("phase {id} has started; keep restores = {}", phase.restores));
            }
        }
        let last_started = next.phases.iter().rposition(|phase| has_started(&phase.id));
        for phase in next.phases.iter().take(last_started.unwrap_or(0)) {
            if !has_started(&phase.id) {
                problems.push(format!(
                    "phase {} ({}) cannot precede a phase that has started; give it a later date",
                    phase.id, phase.from
                ));
            }
        }
        problems
    }
}
