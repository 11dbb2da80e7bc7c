//! What putting another plan in place of the one in force would change, phase by phase.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Capabilities, Capability, PhaseId, Plan, State, population, utc};
use serde::Serialize;

/// What an amendment would do, worked out from the sets; nothing is changed by asking.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AmendmentPreview {
    /// The revision that it would become.
    pub revision: u32,
    /// Is the plan the same as the one in force?
    pub same: bool,
    /// The phases of either plan, in the order of their dates.
    pub phases: Vec<PhaseChange>,
    /// What has been done and stays done, a sentence each.
    pub cannot_be_undone: Vec<String>,
    /// What else one should know before agreeing, a sentence each.
    pub notices: Vec<String>,
    /// Why it is refused, a sentence each; empty where it can be made.
    pub refused: Vec<String>,
}

/// One phase before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseChange {
    /// The phase.
    pub phase: PhaseId,
    /// Its first day now; `None` where the phase is new.
    pub from_now: Option<NaiveDate>,
    /// Its first day then; `None` where the phase is removed.
    pub from_then: Option<NaiveDate>,
    /// Has it started? Then its population is frozen.
    pub started: bool,
    /// What it takes away now.
    pub removes_now: Capabilities,
    /// What it would take away.
    pub removes_then: Capabilities,
    /// How many mailboxes it touches.
    pub touches: Touched,
}

/// Whom a phase touches now and whom it would touch, as differences of the two sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Touched {
    /// By the plan in force.
    pub now: u64,
    /// By the amended plan.
    pub then: u64,
    /// Touched then and not now.
    pub added: u64,
    /// Touched now and not then.
    pub removed: u64,
}

impl AmendmentPreview {
    /// Compares the plan in force with another one; `None` before a plan was adopted.
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

    /// Does anything change that concerns mailboxes?
    pub fn changes_phases(&self) -> bool {
        self.phases.iter().any(PhaseChange::changes)
    }
}

impl PhaseChange {
    /// Is it another phase then?
    pub fn changes(&self) -> bool {
        self.from_now != self.from_then
            || self.removes_now != self.removes_then
            || self.touches.added + self.touches.removed > 0
    }
}

fn change(state: &State, plan: &Plan, next: &Plan, id: &PhaseId) -> PhaseChange {
    let place = |plan: &Plan| plan.phases.iter().position(|phase| phase.id == *id);
    let (now, then) = (place(plan), place(next));
    let removes = |plan: &Plan, place: Option<usize>| {
        place.map_or(Capabilities::NONE, |place| plan.removes(place))
    };
    let (removes_now, removes_then) = (removes(plan, now), removes(next, then));
    let started = state.phases.get(id);
    let touched = |removes: Capabilities| match started {
        Some(started) => (*started.event.population).clone(),
        None => population(&state.rights, removes),
    };
    let (set_now, set_then) = (touched(removes_now), touched(removes_then));
    let from = |plan: &Plan, place: Option<usize>| {
        place.and_then(|place| plan.phases.get(place)).map(|phase| phase.from)
    };
    PhaseChange {
        phase: id.clone(),
        from_now: from(plan, now),
        from_then: from(next, then),
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

/// What started phases have taken away.
fn done(state: &State, plan: &Plan) -> Vec<String> {
    let started = plan.phases.iter().filter_map(|phase| state.phases.get(&phase.id));
    let told = started.map(|started| {
        let event = &started.event;
        let how = match &started.completed {
            Some((at, _)) => format!("and was completed at {}", utc(*at)),
            None => "and is under way".to_owned(),
        };
        format!(
            "phase {} started at {} {how}: it takes {} from {} mailboxes, {} of them by now",
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
                notices.push(rearmed(capability, until, armed.len(), then));
            }
        }
    }
    notices
}

fn rearmed(
    capability: Capability,
    until: DateTime<Utc>,
    armed: u64,
    then: Option<DateTime<Utc>>,
) -> String {
    let then = then.map_or("that it does not end".to_owned(), utc);
    format!(
        "the platform was told for {armed} mailboxes that {capability} ends at {}; it is told \
         {then} instead, and an engine has to run before that instant for it",
        utc(until)
    )
}
