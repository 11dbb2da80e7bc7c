//! Preview of an amendment: its differences from the plan in force, phase by phase.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Capabilities, PhaseId, Plan, State, population, utc};
use serde::Serialize;

/// The effects of an amendment, derived from the sets; a preview changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AmendmentPreview {
    /// The revision after the amendment.
    pub revision: u32,
    /// Is the plan equal to the one in force?
    pub same: bool,
    /// The phases of either plan, in the order of their dates.
    pub phases: Vec<PhaseChange>,
    /// Completed effects that cannot be undone, a sentence each.
    pub cannot_be_undone: Vec<String>,
    /// Further notices to the operator, a sentence each.
    pub notices: Vec<String>,
    /// Why it is refused, a sentence each; empty if it can be made.
    pub refused: Vec<String>,
}

/// One phase before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseChange {
    /// The phase.
    pub phase: PhaseId,
    /// Its first day now; `None` for a new phase.
    pub from_now: Option<NaiveDate>,
    /// Its first day then; `None` for a removed phase.
    pub from_then: Option<NaiveDate>,
    /// Has it started? Then its population is frozen.
    pub started: bool,
    /// The capabilities that it removes now.
    pub removes_now: Capabilities,
    /// The capabilities that it would remove.
    pub removes_then: Capabilities,
    /// The affected mailboxes.
    pub touches: Touched,
}

/// The mailboxes that a phase affects now and then, and the differences of the two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Touched {
    /// By the plan in force.
    pub now: u64,
    /// By the amended plan.
    pub then: u64,
    /// Affected then and not now.
    pub added: u64,
    /// Affected now and not then.
    pub removed: u64,
}

impl AmendmentPreview {
    /// Compares the plan in force with another one; `None` before a plan is adopted.
    pub fn of(state: &State, next: &Plan, now: DateTime<Utc>) -> Option<Self> {
        let plan = state.plan()?;
        let mut ids: Vec<(NaiveDate, &PhaseId)> = Vec::new();
        for phase in next.phases.iter().chain(&plan.phases) {
            if ids.iter().all(|(_, id)| **id != phase.id) {
                ids.push((phase.from, &phase.id));
            }
        }
        ids.sort();
        let change = |id: &PhaseId| change(state, plan, next, id);
        Some(Self {
            revision: state.programme.revision().saturating_add(1),
            same: plan == next,
            phases: ids.into_iter().map(|(_, id)| change(id)).collect(),
            cannot_be_undone: done(state, plan),
            notices: notices(state, plan, next, now),
            refused: plan.amendment_problems(next, &state.phases.names()),
        })
    }

    /// Does anything change for mailboxes?
    pub fn changes_phases(&self) -> bool {
        self.phases.iter().any(PhaseChange::changes)
    }
}

impl PhaseChange {
    /// Does the phase change?
    pub fn changes(&self) -> bool {
        self.from_now != self.from_then
            || self.removes_now != self.removes_then
            || self.touches.added + self.touches.removed > 0
    }
}

fn change(state: &State, plan: &Plan, next: &Plan, id: &PhaseId) -> PhaseChange {
    let removes = |plan: &Plan| {
        let place = plan.phases.iter().position(|phase| phase.id == *id);
        place.map_or(Capabilities::NONE, |place| plan.removes(place))
    };
    let (removes_now, removes_then) = (removes(plan), removes(next));
    let started = state.phases.get(id);
    let touched = |removes: Capabilities| match started {
        Some(started) => (*started.event.population).clone(),
        None => population(&state.rights, removes),
    };
    let (set_now, set_then) = (touched(removes_now), touched(removes_then));
    let from = |plan: &Plan| plan.phase(id).map(|phase| phase.from);
    PhaseChange {
        phase: id.clone(),
        from_now: from(plan),
        from_then: from(next),
        started: started.is_some(),
        removes_now,
        removes_then,
        touches: Touched {
            now: set_now.len(),
            then: set_then.len(),
            added: (&set_then - &set_now).len(),
            removed: (&set_now - &set_then).len(),
        },
    }
}

/// The effects of started phases.
fn done(state: &State, plan: &Plan) -> Vec<String> {
    let started = plan.phases.iter().filter_map(|phase| state.phases.get(&phase.id));
    let told = started.map(|started| {
        let event = &started.event;
        let how = match &started.completed {
            Some((at, _)) => format!("and was completed at {}", utc(*at)),
            None => "and is under way".to_owned(),
        };
        format!(
            "phase {} started at {} {how}: it removes {} from {} mailboxes, {} of them so far",
            event.phase,
            utc(event.due_at),
            event.removes,
            event.population.len(),
            started.changed.len()
        )
    });
    told.collect()
}

fn notices(state: &State, plan: &Plan, next: &Plan, now: DateTime<Utc>) -> Vec<String> {
    let mut notices = Vec::new();
    for (place, phase) in next.phases.iter().enumerate() {
        let at = next.starts_at(place);
        if at <= now && !state.phases.has_started(&phase.id) {
            notices.push(format!(
                "phase {} would start at once: its instant, {}, has passed",
                phase.id,
                utc(at)
            ));
        }
    }
    for capability in Capabilities::OF_PLATFORM.iter() {
        let then = next.ends_at(capability, now);
        for (until, armed) in state.rights.armed(capability) {
            if until > now && then != Some(until) && plan.ends_at(capability, now) == Some(until) {
                let (armed, until) = (armed.len(), utc(until));
                let then = then.map_or("without an end".to_owned(), utc);
                notices.push(format!(
                    "the platform is armed for {armed} mailboxes: {capability} ends at {until}; it \
                     is re-armed ({then}), which requires a running engine before that instant"
                ));
            }
        }
    }
    notices
}
