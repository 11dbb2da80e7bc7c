//! What is to be done: the difference between what is desired and what is applied.
//!
//! Level-triggered: worked out from the state alone, so that a lost, doubled or stale order does no
//! harm. Nothing here is ever early: a right ends only by a phase that has started *and* whose instant
//! has passed, so a clock that was ahead and went back stops the work, and where it went back by more than
//! a step of a time service, what was taken is given back.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use roaring::RoaringBitmap;

use crate::amendment::next_end;
use crate::state::State;
use crate::{Capabilities, Capability, PhaseId, Plan};

/// What is to become of a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is to be gone.
    Close {
        /// Since this instant.
        due_at: DateTime<Utc>,
    },
    /// It is to be there again.
    Restore,
    /// The platform is to be told when it ends; `None` calls an end off.
    Arm {
        /// The instant.
        until: Option<DateTime<Utc>>,
    },
}

/// One kind of change that a set of mailboxes needs alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The phase it is for; `None` for withdrawals, restored rights and ends called off.
    pub phase: Option<PhaseId>,
    /// What is to become of the rights.
    pub change: Change,
    /// Which rights.
    pub capabilities: Capabilities,
    /// Whose.
    pub mailboxes: RoaringBitmap,
}

/// How the engine drives the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// What the platform enforces.
    pub controls: Capabilities,
    /// How long ahead it is armed; `None` where it can't be, or is not to be.
    pub arm_ahead: Option<Duration>,
}

/// A clock that goes back by less, as when a time service sets it just after a midnight, gives nothing
/// back: all would lose it again a moment later.
const CLOCK_STEP: Duration = Duration::minutes(1);

type Heading = (Change, Option<PhaseId>);

/// All that is to be done now, phase by phase in the order of the plan, arming last.
pub fn tasks(state: &State, now: DateTime<Utc>, reach: Reach) -> Vec<Task> {
    let Some(plan) = state.plan() else { return Vec::new() };
    let mut needs: BTreeMap<Heading, Vec<(Capability, RoaringBitmap)>> = BTreeMap::new();
    let place = started(state, plan, now);
    let lenient = started(state, plan, now.checked_add_signed(CLOCK_STEP).unwrap_or(now));
    if let Some(place) = place {
        lapses(state, plan, place, now, &mut needs);
    }
    for capability in reach.controls.iter() {
        rights(state, plan, (place, lenient), capability, now, &mut needs);
        if let Some(ahead) = reach.arm_ahead {
            arming(state, plan, place, capability, now, ahead, &mut needs);
        }
    }
    needs.into_iter().flat_map(|(heading, needs)| by_pattern(&heading, &needs)).collect()
}

/// When tasks may appear that are not there now: an attempt, a hold's end, an instant to arm.
pub fn next_wake(state: &State, now: DateTime<Utc>, reach: Reach) -> Option<DateTime<Utc>> {
    let plan = state.plan()?;
    let holds = state.rights.holds().values().filter_map(|hold| hold.ends_at(plan.zone));
    let told = |end: DateTime<Utc>| end.checked_sub_signed(reach.arm_ahead?);
    let holds = holds.flat_map(|end| [Some(end), told(end)]).flatten();
    let armings = (0..plan.phases.len()).filter_map(|place| {
        let removes = plan.removes(place).intersection(reach.controls);
        let ahead = reach.arm_ahead.filter(|_| !removes.is_empty())?;
        plan.starts_at(place).checked_sub_signed(ahead)
    });
    holds.chain(armings).filter(|at| *at > now).chain(state.failures.next_retry(now)).min()
}

/// The place of the phase in force: started, and its instant passed.
fn started(state: &State, plan: &Plan, now: DateTime<Utc>) -> Option<usize> {
    let in_force = |place: &usize| {
        plan.phases.get(*place).is_some_and(|phase| state.phases.has_started(&phase.id))
    };
    (0..plan.phases.len()).rev().find(|place| in_force(place) && plan.starts_at(*place) <= now)
}

fn allowed(plan: &Plan, place: Option<usize>) -> Capabilities {
    plan.allowed_before(place.map_or(0, |place| place + 1))
}

fn lapses(
    state: &State,
    plan: &Plan,
    place: usize,
    now: DateTime<Utc>,
    needs: &mut BTreeMap<Heading, Vec<(Capability, RoaringBitmap)>>,
) {
    if !allowed(plan, Some(place)).contains(Capability::Activate) {
        let heading = closing(plan, place, Capability::Activate, now);
        let pending = state.rights.pending();
        add(needs, heading, Capability::Activate, pending);
    }
}

fn rights(
    state: &State,
    plan: &Plan,
    (place, lenient): (Option<usize>, Option<usize>),
    capability: Capability,
    now: DateTime<Utc>,
    needs: &mut BTreeMap<Heading, Vec<(Capability, RoaringBitmap)>>,
) {
    let open = state.rights.open(capability);
    let withdrawn = &open & state.rights.withdrawn();
    let mut closing_now = (None, RoaringBitmap::new());
    let active = state.rights.active();
    let allows = |place| allowed(plan, place).contains(capability);
    let desired = if allows(place) && allows(lenient) {
        active
    } else {
        let held = state.rights.held(capability, now, plan.zone);
        if let Some(place) = place.filter(|_| !allows(place) && !allows(lenient)) {
            let heading = closing(plan, place, capability, now);
            closing_now = (Some(heading), (&open & &active) - &held);
        }
        active & held
    };
    if let (Some(heading), mailboxes) = closing_now {
        let waiting = unavailable(state, heading.1.as_ref(), now);
        add(needs, heading, capability, mailboxes - waiting);
    }
    let elsewhere = unavailable(state, None, now);
    // A withdrawal has no instant of its own: it is due when it is seen.
    let withdrawal = (Change::Close { due_at: DateTime::<Utc>::MIN_UTC }, None);
    add(needs, withdrawal, capability, withdrawn - &elsewhere);
    add(needs, (Change::Restore, None), capability, (desired - open) - elsewhere);
}

/// Those whom the platform need not be asked for now: they wait, or were given up.
fn unavailable(state: &State, phase: Option<&PhaseId>, now: DateTime<Utc>) -> RoaringBitmap {
    state.failures.backing_off(phase, now) | state.failures.given_up(phase)
}

fn closing(plan: &Plan, place: usize, capability: Capability, now: DateTime<Utc>) -> Heading {
    let by = (0..=place).rev().find(|place| plan.removes(*place).contains(capability));
    let due_at = by.map_or(now, |place| plan.starts_at(place));
    let phase = by.and_then(|place| plan.phases.get(place)).map(|phase| phase.id.clone());
    (Change::Close { due_at }, phase)
}

/// The ends the platform should know of, against those it was told.
fn arming(
    state: &State,
    plan: &Plan,
    place: Option<usize>,
    capability: Capability,
    now: DateTime<Utc>,
    ahead: Duration,
    needs: &mut BTreeMap<Heading, Vec<(Capability, RoaringBitmap)>>,
) {
    let held = state.rights.held(capability, now, plan.zone);
    let mut has = state.rights.open(capability) & state.rights.active();
    if !allowed(plan, place).contains(capability) {
        // Of the others it is to be taken away now: to call off an end they were told would give it back.
        has &= &held;
    }
    let first = place.map_or(0, |place| place + 1);
    let removal =
        (first..plan.phases.len()).find(|place| plan.removes(*place).contains(capability));
    let planned = removal
        .filter(|_| allowed(plan, place).contains(capability))
        .map(|place| (plan.starts_at(place), plan.phases.get(place).map(|phase| phase.id.clone())));
    // While an amendment waits, only ends that it has too are told; the others are called off.
    let next = state.programme.proposed().map(|(_, proposed)| &proposed.plan);
    let planned = planned.filter(|(until, _)| {
        next.is_none_or(|next| next_end(state, next, capability) == Some(*until))
    });
    let mut desired: BTreeMap<DateTime<Utc>, (Option<PhaseId>, RoaringBitmap)> = BTreeMap::new();
    // An instant that has passed is never told: what is late is the closing's, once the phase has started.
    let to_come = |until: &DateTime<Utc>| *until > now && *until - now <= ahead;
    if let Some((until, phase)) = planned.filter(|(until, _)| to_come(until)) {
        desired.insert(until, (phase, &has - &held));
    }
    for number in &(&held & &has) {
        if let Some(until) = hold_end(state, plan, number, capability)
            && !plan.allowed_at(until).contains(capability)
            && next.is_none_or(|next| !next.allowed_at(until).contains(capability))
            && to_come(&until)
        {
            desired.entry(until).or_default().1.insert(number);
        }
    }
    let mut called_off = RoaringBitmap::new();
    // Theirs is a right now, by the calendar or a hold: an instant that has passed is one that was moved.
    let theirs = if plan.allowed_at(now).contains(capability) { has.clone() } else { &has & &held };
    for (until, armed) in state.rights.armed(capability) {
        // An instant that has passed is the closing's to confirm, unless the plan does not have it any more.
        if until <= now {
            called_off |= armed & &theirs;
        } else {
            called_off |= match desired.get(&until) {
                Some((_, wanted)) => armed - wanted,
                None => armed.clone(),
            };
        }
    }
    for (until, (phase, wanted)) in desired {
        let told = state.rights.armed(capability).find(|(at, _)| *at == until);
        let missing = told.map_or(wanted.clone(), |(_, armed)| &wanted - armed);
        called_off -= &wanted;
        add(needs, (Change::Arm { until: Some(until) }, phase), capability, missing);
    }
    add(needs, (Change::Arm { until: None }, None), capability, called_off & has);
}

/// The latest instant at which the holds on a mailbox let go of a capability; `None` while one of them
/// has no end.
pub(crate) fn hold_end(
    state: &State,
    plan: &Plan,
    number: u32,
    capability: Capability,
) -> Option<DateTime<Utc>> {
    let holds = state.rights.holds().values();
    let these =
        holds.filter(|hold| hold.number == number && hold.capabilities.contains(capability));
    let ends: Option<Vec<_>> = these.map(|hold| hold.ends_at(plan.zone)).collect();
    ends?.into_iter().max()
}

fn add(
    needs: &mut BTreeMap<Heading, Vec<(Capability, RoaringBitmap)>>,
    heading: Heading,
    capability: Capability,
    mailboxes: RoaringBitmap,
) {
    if !mailboxes.is_empty() {
        needs.entry(heading).or_default().push((capability, mailboxes));
    }
}

/// Splits what is needed under one heading into tasks whose mailboxes need exactly the same rights
/// changed, so that a platform is called once for each.
fn by_pattern((change, phase): &Heading, needs: &[(Capability, RoaringBitmap)]) -> Vec<Task> {
    let everyone = needs.iter().fold(RoaringBitmap::new(), |all, (_, mailboxes)| all | mailboxes);
    let mut groups = vec![(Capabilities::NONE, everyone)];
    for (capability, mailboxes) in needs {
        groups = groups
            .into_iter()
            .flat_map(|(pattern, group)| {
                let with = (pattern.with(*capability), &group & mailboxes);
                [with, (pattern, group - mailboxes)]
            })
            .filter(|(_, group)| !group.is_empty())
            .collect();
    }
    let task = |(capabilities, mailboxes)| Task {
        phase: phase.clone(),
        change: *change,
        capabilities,
        mailboxes,
    };
    groups.into_iter().map(task).collect()
}
