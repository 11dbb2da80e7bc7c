//! What the log expects of the platform, and where the platform says something else.
//!
//! Invariant: whatever is under way is no drift. Left out are those for whom there is work to do, who wait
//! for another attempt or were given up, and everyone while a boundary is so near that the clocks of engine
//! and platform may disagree about it. Deliberately absent: how often it is looked before anything is said.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::{DateTime, Duration, Timelike, Utc};
use roaring::RoaringBitmap;

use crate::work::{Reach, tasks};
use crate::{Capabilities, Capability, MailboxSet, Plan, Standing, State};

/// How near an instant must be for a comparison to leave it alone.
const CLOSE_BY: Duration = Duration::minutes(1);

/// What the log says that a platform should say of one capability, of the activated mailboxes of a range;
/// each is in one of the sets.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// The capability.
    pub capability: Capability,
    /// Those whose right is there without an end that was told.
    pub allowed: RoaringBitmap,
    /// Those whose right ends at an instant to come.
    pub until: BTreeMap<DateTime<Utc>, RoaringBitmap>,
    /// Those whose right is gone.
    pub gone: RoaringBitmap,
    /// Those who are not compared.
    pub left_out: RoaringBitmap,
}

/// What a platform said of some mailboxes.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Who may, by capability; a capability that is missing was not answered for.
    pub now: &'a BTreeMap<Capability, MailboxSet>,
    /// The instants to come at which rights end.
    pub ends: &'a BTreeMap<(Capability, DateTime<Utc>), MailboxSet>,
    /// Those it does not know.
    pub unknown: &'a RoaringBitmap,
}

/// Mailboxes of which the platform says something else than was expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The capability.
    pub capability: Capability,
    /// What was expected.
    pub expected: Standing,
    /// What the platform said.
    pub found: Standing,
    /// Whose.
    pub mailboxes: RoaringBitmap,
}

/// What is expected of a range of numbers, capability by capability; nothing before a plan is adopted.
pub fn expected(
    state: &State,
    now: DateTime<Utc>,
    reach: Reach,
    range: RangeInclusive<u32>,
) -> Vec<Expectation> {
    let Some(plan) = state.plan() else { return Vec::new() };
    // Who was erased has no address on the platform, or was never put into one made since.
    let mut numbers = state.rights.activated() - state.erasure.erased();
    numbers.remove_range(..*range.start());
    if let Some(beyond) = range.end().checked_add(1) {
        numbers.remove_range(beyond..);
    }
    let busy = Busy::of(state, now, reach);
    let each = reach.controls.intersection(Capabilities::OF_PLATFORM).iter();
    each.map(|capability| expectation(state, plan, capability, now, &numbers, &busy)).collect()
}

/// Those who are not compared, and in what.
struct Busy {
    /// By what is to be done or was given up.
    with: Vec<(Capabilities, RoaringBitmap)>,
}

impl Busy {
    fn of(state: &State, now: DateTime<Utc>, reach: Reach) -> Self {
        let tasks = tasks(state, now, reach).into_iter();
        let mut with: Vec<_> = tasks.map(|task| (task.capabilities, task.mailboxes)).collect();
        let waiting = state.failures.waiting().iter();
        with.extend(waiting.map(|waiting| (Capabilities::OF_PLATFORM, waiting.mailboxes.clone())));
        let incidents = state.failures.incidents().values();
        with.extend(
            incidents.map(|given_up| (given_up.capabilities, &given_up.open | &given_up.resolved)),
        );
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
    let ending = rights.holds().values().filter(|hold| hold.capabilities.contains(capability));
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

/// Is a date of the plan so near, or its phase not started yet, that the right may be either way?
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
    /// What is expected of these alone.
    #[must_use]
    pub fn among(mut self, mailboxes: &RoaringBitmap) -> Self {
        let sets = [&mut self.allowed, &mut self.gone, &mut self.left_out];
        for set in sets.into_iter().chain(self.until.values_mut()) {
            *set &= mailboxes;
        }
        self
    }

    /// All who are compared.
    pub fn all_compared(&self) -> RoaringBitmap {
        self.until.values().fold(&self.allowed | &self.gone, |all, armed| all | armed)
    }

    /// How many are compared, if the platform does not know these.
    pub fn compared_but(&self, unknown: &RoaringBitmap) -> u64 {
        let sets = [&self.allowed, &self.gone].into_iter().chain(self.until.values());
        sets.map(|set| set.difference_len(unknown)).sum()
    }

    /// Where the platform says something else, of those it knows.
    pub fn differences(&self, seen: Seen<'_>) -> Vec<Difference> {
        let Some(may) = seen.now.get(&self.capability) else { return Vec::new() };
        let groups = [(Standing::Gone, &self.gone), (Standing::Allowed, &self.allowed)];
        let until = self.until.iter().map(|(end, armed)| (Standing::Until(*end), armed));
        let mut differences = Vec::new();
        for (expected, mailboxes) in groups.into_iter().chain(until) {
            let known = mailboxes - seen.unknown;
            let mut tell = |found: Standing, mailboxes: RoaringBitmap| {
                if !alike(expected, found) && !mailboxes.is_empty() {
                    let capability = self.capability;
                    differences.push(Difference { capability, expected, found, mailboxes });
                }
            };
            let mut have = &known & &**may;
            tell(Standing::Gone, known - &have);
            let ends = seen.ends.iter().filter(|((of, _), _)| *of == self.capability);
            for ((_, end), mailboxes) in ends {
                tell(Standing::Until(*end), &have & &**mailboxes);
                have -= &**mailboxes;
            }
            tell(Standing::Allowed, have);
        }
        differences
    }
}

/// A platform may keep whole seconds, and then rounds up so that nothing ends early.
fn alike(expected: Standing, found: Standing) -> bool {
    match (expected, found) {
        (Standing::Until(expected), Standing::Until(found)) => whole(expected) == whole(found),
        _ => expected == found,
    }
}

fn whole(instant: DateTime<Utc>) -> i64 {
    instant.timestamp() + i64::from(instant.nanosecond() > 0)
}

impl Difference {
    /// The same difference, of those of whom another look says it too.
    pub fn confirmed_by(&self, others: &[Self]) -> RoaringBitmap {
        let same = others.iter().filter(|other| {
            (other.capability, other.expected, other.found)
                == (self.capability, self.expected, self.found)
        });
        same.fold(RoaringBitmap::new(), |all, other| all | (&self.mailboxes & &other.mailboxes))
    }
}
