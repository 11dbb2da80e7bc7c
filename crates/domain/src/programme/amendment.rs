//! Amendments: none is adopted while the platform is armed with an instant that it moves.
//!
//! Such an amendment is proposed first. The old plan stays in force, and the engine disarms the
//! platform from all ends that the two plans do not share (`work.rs`). Once none is armed, the
//! amendment is adopted. If a date of the old plan passes before that, its phase starts as usual
//! and the amendment, which cannot change the past, is dropped. Invariant: no instant takes effect
//! that is not in the plan in force.

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;

use crate::{
    AmendmentDropped, Capabilities, Capability, Event, Plan, PlanAdopted, Rejection, State,
};

/// Decides an amendment: adopts it, or proposes it until the platform is disarmed.
pub(super) fn amend(
    state: &State,
    plan: &Plan,
    next: Plan,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Rejection> {
    let proposed = state.programme.proposed().map(|(_, proposed)| proposed);
    if *plan == next {
        // An amendment to the plan in force cancels the proposed one.
        let because = "an amendment back to the plan in force replaced it";
        return Ok(proposed.map(|proposed| dropped(proposed, because)).into_iter().collect());
    }
    if let Some(problems) = problems(state, plan, &next, now) {
        return Rejection::because(problems);
    }
    let revision = state.programme.revision().saturating_add(1);
    let amended = PlanAdopted { revision, plan: next };
    if proposed == Some(&amended) {
        return Ok(Vec::new());
    }
    let armed = is_armed_otherwise(state, &amended.plan);
    let event = if armed { Event::AmendmentProposed } else { Event::PlanAmended };
    Ok(vec![event(amended)])
}

/// Adopts or drops the proposed amendment; no event while it must wait.
pub(super) fn adopt_proposed(state: &State, plan: &Plan, now: DateTime<Utc>) -> Vec<Event> {
    let Some((_, proposed)) = state.programme.proposed() else { return Vec::new() };
    if let Some(problems) = problems(state, plan, &proposed.plan, now) {
        return vec![dropped(proposed, &problems)];
    }
    if is_armed_otherwise(state, &proposed.plan) {
        return Vec::new();
    }
    vec![Event::PlanAmended(proposed.clone())]
}

/// Why the plan cannot be amended to the next one; `None` if it can.
fn problems(state: &State, plan: &Plan, next: &Plan, now: DateTime<Utc>) -> Option<String> {
    let mut problems = plan.amendment_problems(next, &state.phases.names());
    problems.extend(state.notices.amendment_problem(next));
    problems.extend(state.vouchers.amendment_problem(next, now));
    (!problems.is_empty()).then(|| problems.join("; "))
}

fn dropped(proposed: &PlanAdopted, because: &str) -> Event {
    let (revision, because) = (proposed.revision, because.to_owned());
    Event::AmendmentDropped(AmendmentDropped { revision, because })
}

/// Is the platform armed with an end that is not in the next plan?
fn is_armed_otherwise(state: &State, next: &Plan) -> bool {
    let active = state.rights.active();
    Capabilities::OF_PLATFORM.iter().any(|capability| {
        let end = next_end(state, next, capability);
        state.rights.armed(capability).any(|(until, armed)| {
            let armed: RoaringBitmap = armed & &active;
            end != Some(until)
                && armed
                    .iter()
                    .any(|number| !ends_with_hold(state, next, number, capability, until))
        })
    })
}

/// Does a hold end at this instant, under a plan that no longer allows the capability then?
fn ends_with_hold(
    state: &State,
    next: &Plan,
    number: u32,
    capability: Capability,
    until: DateTime<Utc>,
) -> bool {
    !next.allowed_at(until).contains(capability)
        && state.rights.hold_end(number, capability, next.zone) == Some(until)
}

/// When a plan next removes a capability, after the started phases.
pub(crate) fn next_end(
    state: &State,
    plan: &Plan,
    capability: Capability,
) -> Option<DateTime<Utc>> {
    let started = plan.phases.iter().rposition(|phase| state.phases.has_started(&phase.id));
    let first = started.map_or(0, |index| index + 1);
    let index = (first..plan.phases.len()).find(|index| plan.removes(*index).contains(capability));
    index.map(|index| plan.starts_at(index))
}
