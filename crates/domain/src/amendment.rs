//! Amendments and the ends that a platform was told: none is adopted while an instant that it moves can
//! still take effect by itself.
//!
//! An amendment that moves such an instant is proposed first. The plan in force stays in force, but ends
//! that the two plans do not share are called off (`work.rs`), and once the platform holds none of them the
//! amendment is adopted. Where a date of the plan in force comes before that, its phase starts as always, and
//! the amendment, which can't change the past, is dropped. Invariant: no instant takes effect that the plan
//! in force does not have.

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;

use crate::programme::{Command, Rejection};
use crate::work::hold_end;
use crate::{AmendmentDropped, Capabilities, Capability, Event, Plan, PlanAdopted, State};

/// What asking for an amendment leads to.
pub(crate) fn amend(
    state: &State,
    next: Plan,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Rejection> {
    let decided = state.decide_alone(Command::Amend(next), now)?;
    let proposed = state.programme.proposed().map(|(_, proposed)| proposed);
    let Some(Event::PlanAmended(amended)) = decided.first() else {
        // It is the plan in force: an amendment that waits is taken back.
        let because = "the plan in force was asked for again";
        return Ok(proposed.map(|proposed| dropped(proposed, because)).into_iter().collect());
    };
    if proposed == Some(amended) {
        return Ok(Vec::new());
    }
    if is_told_otherwise(state, &amended.plan) {
        return Ok(vec![Event::AmendmentProposed(amended.clone())]);
    }
    Ok(decided)
}

/// Adopts or drops the amendment that waits, or lets it wait on.
pub(crate) fn adopt_proposed(state: &State, now: DateTime<Utc>) -> Vec<Event> {
    let Some((_, proposed)) = state.programme.proposed() else { return Vec::new() };
    let Some(plan) = state.plan() else { return Vec::new() };
    let mut problems = plan.amendment_problems(&proposed.plan, &state.phases.names());
    problems.extend(state.notices.amendment_problem(&proposed.plan));
    problems.extend(state.vouchers.amendment_problem(&proposed.plan, now));
    if !problems.is_empty() {
        return vec![dropped(proposed, &problems.join("; "))];
    }
    if is_told_otherwise(state, &proposed.plan) {
        return Vec::new();
    }
    vec![Event::PlanAmended(proposed.clone())]
}

fn dropped(proposed: &PlanAdopted, because: &str) -> Event {
    let (revision, because) = (proposed.revision, because.to_owned());
    Event::AmendmentDropped(AmendmentDropped { revision, because })
}

/// Was the platform told an end that another plan does not have?
fn is_told_otherwise(state: &State, next: &Plan) -> bool {
    let active = state.rights.active();
    Capabilities::OF_PLATFORM.iter().any(|capability| {
        let end = next_end(state, next, capability);
        state.rights.armed(capability).any(|(until, armed)| {
            let armed: RoaringBitmap = armed & &active;
            end != Some(until)
                && armed.iter().any(|number| !outlives(state, next, number, capability, until))
        })
    })
}

/// Does a hold end at that instant, under a plan that does not allow the right by then?
fn outlives(
    state: &State,
    next: &Plan,
    number: u32,
    capability: Capability,
    until: DateTime<Utc>,
) -> bool {
    !next.allowed_at(until).contains(capability)
        && hold_end(state, next, number, capability) == Some(until)
}

/// When a plan takes a capability away next, after the phases that have started.
pub(crate) fn next_end(
    state: &State,
    plan: &Plan,
    capability: Capability,
) -> Option<DateTime<Utc>> {
    let started = plan.phases.iter().rposition(|phase| state.phases.has_started(&phase.id));
    let first = started.map_or(0, |place| place + 1);
    let place = (first..plan.phases.len()).find(|place| plan.removes(*place).contains(capability));
    place.map(|place| plan.starts_at(place))
}
