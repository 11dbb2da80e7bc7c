//! The expected state of the platform according to the log, and differences from it.
//!
//! Invariant: work in progress is not drift. The comparison skips mailboxes with work to do,
//! waiting retries or permanent failures, and all mailboxes while a boundary is so close that the
//! clocks of engine and platform may disagree about it. Deliberately absent: how often a difference
//! must be seen before it is reported.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::{DateTime, Duration, Timelike, Utc};
use roaring::RoaringBitmap;

use crate::work::{PlatformCapabilities, tasks};
use crate::{Capabilities, Capability, MailboxSet, Plan, Standing, State};

/// Comparisons skip instants that are closer than this.
const CLOSE_BY: Duration = Duration::minutes(1);

/// The expected state of one capability for the activated mailboxes of a range, as a partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The capability.
    pub capability: Capability,
    /// Allowed, with no end armed.
    pub allowed: RoaringBitmap,
    /// Allowed until a future instant.
    pub until: BTreeMap<DateTime<Utc>, RoaringBitmap>,
    /// Not allowed.
    pub gone: RoaringBitmap,
    /// Not compared.
    pub left_out: RoaringBitmap,
}

/// The observed state of some mailboxes on the platform.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// Mailboxes with each capability; a missing capability was not observed.
    pub now: &'a BTreeMap<Capability, MailboxSet>,
    /// Mailboxes by the future instant at which a capability ends.
    pub ends: &'a BTreeMap<(Capability, DateTime<Utc>), MailboxSet>,
    /// Mailboxes that are missing on the platform.
    pub unknown: &'a RoaringBitmap,
}

/// Mailboxes whose observed state differs from the expected state.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The capability.
    pub capability: Capability,
    /// The expected state.
    pub expected: Standing,
    /// The observed state.
    pub found: Standing,
    /// The mailboxes.
    pub mailboxes: RoaringBitmap,
}

/// The expected state of a range of numbers, by capability; empty before a plan is adopted.
pub fn expected(
    state: &State,
    now: DateTime<Utc>,
    platform: PlatformCapabilities,
    range: RangeInclusive<u32>,
) -> Vec<Expectation> {
    let Some(plan) = state.plan() else { return Vec::new() };
    // An erased mailbox has no address on the platform, and a platform set up later never had it.
    let mut numbers = &state.rights.activated - &state.erasure.erased;
    numbers.remove_range(..*range.start());
    if let Some(beyond) = range.end().checked_add(1) {
        numbers.remove_range(beyond..);
    }
    let busy = Busy::of(state, now, platform);
    let each = platform.controls.intersection(Capabilities::OF_PLATFORM).iter();
    each.map(|capability| expectation(state, plan, capability, now, &numbers, &busy)).collect()
}

/// Mailboxes that are not compared.
struct Busy {
    /// By the capabilities with work to do or a permanent failure.
    with: Vec<(Capabilities, RoaringBitmap)>,
}

impl Busy {
    fn of(state: &State, now: DateTime<Utc>, platform: PlatformCapabilities) -> Self {
        let tasks = tasks(state, now, platform).into_iter();
        let mut with: Vec<_> = tasks.map(|task| (task.capabilities, task.mailboxes)).collect();
        let of_platform =
            |capabilities: Capabilities| !capabilities.contains(Capability::RequestVoucher);
        let waiting = state.failures.waiting.iter();
        let waiting = waiting.filter(|waiting| of_platform(waiting.capabilities));
        with.extend(
            waiting.map(|waiting| (Capabilities::OF_PLATFORM, (*waiting.mailboxes).clone())),
        );
        let incidents = state.failures.incidents.values();
        with.extend(incidents.map(|failed| (failed.capabilities, &failed.open | &failed.resolved)));
        Self { with }
    }

    fn with(&self, capability: Capability) -> RoaringBitmap {
        let with = self.with.iter().filter(|(capabilities, _)| capabilities.contains(capability));
        with.fold(RoaringBitmap::new(), |all, (_, mailboxes)| all | mailboxes)
    }
}

fn expectation(
    state: &State,
    plan: &Plan,
    capability: Capability,
    now: DateTime<Utc>,
    numbers: &RoaringBitmap,
    busy: &Busy,
) -> Expectation {
    let rights = &state.rights;
    if is_changing(state, plan, capability, now) {
        let (allowed, gone) = (RoaringBitmap::new(), RoaringBitmap::new());
        let left_out = numbers.clone();
        return Expectation { capability, allowed, until: BTreeMap::new(), gone, left_out };
    }
    let mut left_out = busy.with(capability);
    let ending = rights.holds.values().filter(|hold| hold.capabilities.contains(capability));
    left_out.extend(
        ending
            .filter(|hold| hold.ends_at(plan.zone).is_some_and(|end| is_close_by(end, now)))
            .map(|hold| hold.number),
    );
    let open = rights.open_among(capability, numbers);
    let mut until = BTreeMap::new();
    for (end, armed) in rights.armed(capability) {
        if is_close_by(end, now) {
            left_out |= armed;
        } else if end > now {
            until.insert(end, armed.clone());
        }
    }
    left_out &= numbers;
    let gone = (numbers - &open) - &left_out;
    let mut allowed = open - &left_out;
    for armed in until.values_mut() {
        *armed &= &allowed;
    }
    until.retain(|_, armed| !armed.is_empty());
    for armed in until.values() {
        allowed -= armed;
    }
    Expectation { capability, allowed, until, gone, left_out }
}

/// Is a date of the plan so close, or its phase not started yet, that both states are legitimate?
fn is_changing(state: &State, plan: &Plan, capability: Capability, now: DateTime<Utc>) -> bool {
    let started = plan.phases.iter().rposition(|phase| state.phases.has_started(&phase.id));
    let in_force = plan.allowed_before(started.map_or(0, |place| place + 1)).contains(capability);
    let at = |instant: Option<DateTime<Utc>>| {
        plan.allowed_at(instant.unwrap_or(now)).contains(capability)
    };
    let around = [now.checked_sub_signed(CLOSE_BY), Some(now), now.checked_add_signed(CLOSE_BY)];
    around.into_iter().any(|instant| at(instant) != in_force)
}

fn is_close_by(instant: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    (instant - now).abs() <= CLOSE_BY
}

impl Expectation {
    /// The expectation restricted to these mailboxes.
    #[must_use]
    pub fn among(mut self, mailboxes: &RoaringBitmap) -> Self {
        let sets = [&mut self.allowed, &mut self.gone, &mut self.left_out];
        for set in sets.into_iter().chain(self.until.values_mut()) {
            *set &= mailboxes;
        }
        self
    }

    /// All compared mailboxes.
    pub fn all_compared(&self) -> RoaringBitmap {
        self.until.values().fold(&self.allowed | &self.gone, |all, armed| all | armed)
    }

    /// Number of compared mailboxes without those missing on the platform.
    pub fn compared_but(&self, unknown: &RoaringBitmap) -> u64 {
        let sets = [&self.allowed, &self.gone].into_iter().chain(self.until.values());
        sets.map(|set| set.difference_len(unknown)).sum()
    }

    /// The differences between expected and observed state, without mailboxes missing on the
    /// platform.
    pub fn differences(&self, observed: Observation<'_>) -> Vec<Difference> {
        let Some(may) = observed.now.get(&self.capability) else { return Vec::new() };
        let groups = [(Standing::Gone, &self.gone), (Standing::Allowed, &self.allowed)];
        let until = self.until.iter().map(|(end, armed)| (Standing::Until(*end), armed));
        let mut differences = Vec::new();
        for (expected, mailboxes) in groups.into_iter().chain(until) {
            let known = mailboxes - observed.unknown;
            let mut report = |found: Standing, mailboxes: RoaringBitmap| {
                if !same(expected, found) && !mailboxes.is_empty() {
                    let capability = self.capability;
                    differences.push(Difference { capability, expected, found, mailboxes });
                }
            };
            let mut have = &known & &**may;
            report(Standing::Gone, known - &have);
            let ends = observed.ends.iter().filter(|((of, _), _)| *of == self.capability);
            for ((_, end), mailboxes) in ends {
                report(Standing::Until(*end), &have & &**mailboxes);
                have -= &**mailboxes;
            }
            report(Standing::Allowed, have);
        }
        differences
    }
}

/// A platform that stores whole seconds rounds up, so that nothing ends early.
fn same(expected: Standing, found: Standing) -> bool {
    match (expected, found) {
        (Standing::Until(expected), Standing::Until(found)) => whole(expected) == whole(found),
        _ => expected == found,
    }
}

fn whole(instant: DateTime<Utc>) -> i64 {
    instant.timestamp() + i64::from(instant.nanosecond() > 0)
}

impl Difference {
    /// The mailboxes for which another comparison found the same difference.
    pub fn confirmed_by(&self, others: &[Self]) -> RoaringBitmap {
        let same = others.iter().filter(|other| {
            (other.capability, other.expected, other.found)
                == (self.capability, self.expected, self.found)
        });
        same.fold(RoaringBitmap::new(), |all, other| all | (&self.mailboxes & &other.mailboxes))
    }
}
