//! Tasks: the difference between the desired and the applied state.
//!
//! Level-triggered: tasks follow from the state alone, so lost, duplicated and stale orders are
//! harmless. Never early: a right ends only by a phase that has started *and* whose instant has
//! passed. A clock that was ahead and is set back stops the work; if it is set back by more than
//! [`CLOCK_STEP`], rights removed too early are restored.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use roaring::RoaringBitmap;

use crate::programme::next_end;
use crate::{Capabilities, Capability, PhaseId, Plan, State};

/// The change that a right needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Remove the right.
    Close {
        /// The instant at which the removal was due.
        due_at: DateTime<Utc>,
    },
    /// Restore the right.
    Restore,
    /// Arm the platform to end the right by itself, or disarm it.
    Arm {
        /// The instant of the end; `None` to disarm.
        until: Option<DateTime<Utc>>,
    },
    /// Issue a voucher to its verified requester.
    Issue,
}

/// One change that all mailboxes of a set need.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// The phase that demands it; `None` for withdrawals, restorations and disarming.
    pub phase: Option<PhaseId>,
    /// The change.
    pub change: Change,
    /// The capabilities to change.
    pub capabilities: Capabilities,
    /// The mailboxes.
    pub mailboxes: RoaringBitmap,
}

/// What a mail platform can do for the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlatformCapabilities {
    /// The capabilities that the platform enforces.
    pub controls: Capabilities,
    /// How long before an instant the platform is armed; `None` if it is never armed.
    pub arm_ahead: Option<Duration>,
}

/// A clock set back by less restores nothing. A time service may set it just after a midnight, and
/// every mailbox would lose the right again a moment later.
const CLOCK_STEP: Duration = Duration::minutes(1);

type Heading = (Change, Option<PhaseId>);

/// By heading, the mailboxes that need each capability changed.
type Needs = BTreeMap<Heading, Vec<(Capability, RoaringBitmap)>>;

/// All tasks that are due now, ordered by change: removals first, then arming, vouchers last.
pub fn tasks(state: &State, now: DateTime<Utc>, platform: PlatformCapabilities) -> Vec<Task> {
    let Some(plan) = state.plan() else { return Vec::new() };
    let mut needs: Needs = BTreeMap::new();
    let phase = phase_in_force(state, plan, now);
    let lenient = phase_in_force(state, plan, now.checked_add_signed(CLOCK_STEP).unwrap_or(now));
    if let Some(phase) = phase {
        lapses(state, plan, phase, now, &mut needs);
    }
    for capability in platform.controls.iter() {
        rights(state, plan, (phase, lenient), capability, now, &mut needs);
        if let Some(ahead) = platform.arm_ahead {
            arming(state, plan, phase, capability, now, ahead, &mut needs);
        }
    }
    let vouchers = state.vouchers_to_issue(now);
    add(&mut needs, (Change::Issue, None), Capability::RequestVoucher, vouchers);
    needs.into_iter().flat_map(|(heading, needs)| by_pattern(&heading, &needs)).collect()
}

/// The next instant at which tasks may become due: a retry, the end of a hold, an instant to arm.
pub fn next_wake(
    state: &State,
    now: DateTime<Utc>,
    platform: PlatformCapabilities,
) -> Option<DateTime<Utc>> {
    let plan = state.plan()?;
    let holds = state.rights.holds.values().filter_map(|hold| hold.ends_at(plan.zone));
    let arming = |end: DateTime<Utc>| end.checked_sub_signed(platform.arm_ahead?);
    let holds = holds.flat_map(|end| [Some(end), arming(end)]).flatten();
    let armings = (0..plan.phases.len()).filter_map(|index| {
        let removes = plan.removes(index).intersection(platform.controls);
        let ahead = platform.arm_ahead.filter(|_| !removes.is_empty())?;
        plan.starts_at(index).checked_sub_signed(ahead)
    });
    holds.chain(armings).filter(|at| *at > now).chain(state.failures.next_retry(now)).min()
}

/// The index of the phase in force: the last that has started and whose instant has passed.
fn phase_in_force(state: &State, plan: &Plan, now: DateTime<Utc>) -> Option<usize> {
    let has_started = |index: &usize| {
        plan.phases.get(*index).is_some_and(|phase| state.phases.has_started(&phase.id))
    };
    (0..plan.phases.len()).rev().find(|index| has_started(index) && plan.starts_at(*index) <= now)
}

fn allowed(plan: &Plan, phase: Option<usize>) -> Capabilities {
    plan.allowed_before(phase.map_or(0, |index| index + 1))
}

fn lapses(state: &State, plan: &Plan, phase: usize, now: DateTime<Utc>, needs: &mut Needs) {
    if !allowed(plan, Some(phase)).contains(Capability::Activate) {
        let heading = closing(plan, phase, Capability::Activate, now);
        let pending = state.rights.pending();
        add(needs, heading, Capability::Activate, pending);
    }
}

fn rights(
    state: &State,
    plan: &Plan,
    (phase, lenient): (Option<usize>, Option<usize>),
    capability: Capability,
    now: DateTime<Utc>,
    needs: &mut Needs,
) {
    let open = state.rights.open(capability);
    let withdrawn = &open & &state.rights.withdrawn;
    let mut closing_now = (None, RoaringBitmap::new());
    let active = state.rights.active();
    let allows = |phase| allowed(plan, phase).contains(capability);
    let desired = if allows(phase) && allows(lenient) {
        active
    } else {
        let held = state.rights.held(capability, now, plan.zone);
        if let Some(phase) = phase.filter(|_| !allows(phase) && !allows(lenient)) {
            let heading = closing(plan, phase, capability, now);
            closing_now = (Some(heading), (&open & &active) - &held);
        }
        active & held
    };
    if let (Some(heading), mailboxes) = closing_now {
        let waiting = unavailable(state, heading.1.as_ref(), now);
        add(needs, heading, capability, mailboxes - waiting);
    }
    let waiting = unavailable(state, None, now);
    // A withdrawal has no instant of its own: it is due at once.
    let withdrawal = (Change::Close { due_at: DateTime::<Utc>::MIN_UTC }, None);
    add(needs, withdrawal, capability, withdrawn - &waiting);
    add(needs, (Change::Restore, None), capability, (desired - open) - waiting);
}

/// Mailboxes that wait for a retry or failed permanently.
fn unavailable(state: &State, phase: Option<&PhaseId>, now: DateTime<Utc>) -> RoaringBitmap {
    state.failures.backing_off(phase, now) | state.failures.failed(phase)
}

fn closing(plan: &Plan, phase: usize, capability: Capability, now: DateTime<Utc>) -> Heading {
    let by = (0..=phase).rev().find(|index| plan.removes(*index).contains(capability));
    let due_at = by.map_or(now, |index| plan.starts_at(index));
    let phase = by.and_then(|index| plan.phases.get(index)).map(|phase| phase.id.clone());
    (Change::Close { due_at }, phase)
}

/// The difference between the ends to arm and the armed ends.
fn arming(
    state: &State,
    plan: &Plan,
    phase: Option<usize>,
    capability: Capability,
    now: DateTime<Utc>,
    ahead: Duration,
    needs: &mut Needs,
) {
    let held = state.rights.held(capability, now, plan.zone);
    let mut has = state.rights.open(capability) & state.rights.active();
    if !allowed(plan, phase).contains(capability) {
        // The others lose it now; disarming would restore it.
        has &= &held;
    }
    let first = phase.map_or(0, |index| index + 1);
    let removal =
        (first..plan.phases.len()).find(|index| plan.removes(*index).contains(capability));
    let planned = removal
        .filter(|_| allowed(plan, phase).contains(capability))
        .map(|index| (plan.starts_at(index), plan.phases.get(index).map(|phase| phase.id.clone())));
    // While an amendment is proposed, only ends that both plans share are armed.
    let next = state.programme.proposed().map(|(_, proposed)| &proposed.plan);
    let planned = planned.filter(|(until, _)| {
        next.is_none_or(|next| next_end(state, next, capability) == Some(*until))
    });
    let mut desired: BTreeMap<DateTime<Utc>, (Option<PhaseId>, RoaringBitmap)> = BTreeMap::new();
    // A past instant is never armed: `Change::Close` handles it once the phase has started.
    let is_near = |until: &DateTime<Utc>| *until > now && *until - now <= ahead;
    if let Some((until, phase)) = planned.filter(|(until, _)| is_near(until)) {
        desired.insert(until, (phase, &has - &held));
    }
    for number in &(&held & &has) {
        if let Some(until) = state.rights.hold_end(number, capability, plan.zone)
            && !plan.allowed_at(until).contains(capability)
            && next.is_none_or(|next| !next.allowed_at(until).contains(capability))
            && is_near(&until)
        {
            desired.entry(until).or_default().1.insert(number);
        }
    }
    let mut obsolete = RoaringBitmap::new();
    // Mailboxes that have the right by calendar or hold: a past armed instant of theirs was moved.
    let entitled =
        if plan.allowed_at(now).contains(capability) { has.clone() } else { &has & &held };
    for (until, armed) in state.rights.armed(capability) {
        // `Change::Close` confirms a past instant, unless it is no longer in the plan.
        if until <= now {
            obsolete |= armed & &entitled;
        } else {
            obsolete |= match desired.get(&until) {
                Some((_, wanted)) => armed - wanted,
                None => armed.clone(),
            };
        }
    }
    for (until, (phase, wanted)) in desired {
        let armed = state.rights.armed(capability).find(|(at, _)| *at == until);
        let missing = armed.map_or(wanted.clone(), |(_, armed)| &wanted - armed);
        obsolete -= &wanted;
        add(needs, (Change::Arm { until: Some(until) }, phase), capability, missing);
    }
    add(needs, (Change::Arm { until: None }, None), capability, obsolete & has);
}

fn add(needs: &mut Needs, heading: Heading, capability: Capability, mailboxes: RoaringBitmap) {
    if !mailboxes.is_empty() {
        needs.entry(heading).or_default().push((capability, mailboxes));
    }
}

/// Splits the needs under one heading into tasks whose mailboxes all need the same capabilities
/// changed, so that the platform is called once per task.
fn by_pattern((change, phase): &Heading, needs: &[(Capability, RoaringBitmap)]) -> Vec<Task> {
    let all = needs.iter().fold(RoaringBitmap::new(), |all, (_, mailboxes)| all | mailboxes);
    let mut groups = vec![(Capabilities::NONE, all)];
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
