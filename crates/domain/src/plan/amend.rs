//! What an amendment may not change: the past.

use std::collections::BTreeSet;

use crate::{PhaseId, Plan};

impl Plan {
    /// Why this plan, of which some phases have started, can't be amended to the next; empty where it can.
    ///
    /// Titles and sources may be corrected at any time, and what has not started may be changed freely.
    pub fn amendment_problems(&self, next: &Self, started: &BTreeSet<PhaseId>) -> Vec<String> {
        let mut problems = Vec::new();
        if next.programme != self.programme {
            problems.push(format!(
                "the plan is for programme {}, but this store runs {}; amend with a plan for {}",
                next.programme, self.programme, self.programme
            ));
        }
        let has_started = |id: &PhaseId| started.contains(id);
        let past = self.phases.iter().filter(|phase| has_started(&phase.id)).count();
        if next.zone != self.zone {
            problems.push(format!(
                "the zone can't change from {} to {}: every date would move; keep {}",
                self.zone, next.zone, self.zone
            ));
        }
        if past > 0 && next.in_service != self.in_service {
            problems.push(format!(
                "what was allowed in service can't change from {} to {}: the service has begun to close; \
                 keep it",
                self.in_service, next.in_service
            ));
        }
        for phase in self.phases.iter().filter(|phase| has_started(&phase.id)) {
            let id = &phase.id;
            let Some(amended) = next.phase(id) else {
                problems.push(format!("phase {id} has started and can't be removed; put it back"));
                continue;
            };
            if amended.from != phase.from {
                problems.push(format!(
                    "phase {id} has started and can't move from {} to {}; keep its date",
                    phase.from, amended.from
                ));
            }
            if amended.allows != phase.allows {
                problems.push(format!(
                    "phase {id} has started and can't allow {} instead of {}; keep its rights, or add a \
                     later phase",
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
                    "phase {} ({}) can't be put before a phase that has started; give it a later date",
                    phase.id, phase.from
                ));
            }
        }
        problems
    }
}
