//! The phases that have started, and what each has to account for: promise 3 as set algebra.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::failure::Failures;
use crate::rights::Rights;
use crate::{Capabilities, Capability, PhaseCompleted, PhaseId, PhaseStarted};

/// A phase that has started.
#[derive(Debug, Clone, PartialEq)]
pub struct Started {
    /// The event that started it: the cause of all that follows.
    pub cause: Uuid,
    /// When that was recorded.
    pub started_at: DateTime<Utc>,
    /// What was recorded.
    pub event: PhaseStarted,
    /// Those whom the phase itself changed, at its date or armed ahead.
    pub changed: RoaringBitmap,
    /// When it completed, and what it accounted for then.
    pub completed: Option<(DateTime<Utc>, PhaseCompleted)>,
}

/// Everyone in a phase's frozen population, each in exactly one of these.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Account {
    /// Changed by the phase.
    pub done: RoaringBitmap,
    /// Found already so.
    pub already_so: RoaringBitmap,
    /// Kept from it by a hold.
    pub held: RoaringBitmap,
    /// Given up, by incident.
    pub given_up: RoaringBitmap,
    /// Waiting for another attempt.
    pub retrying: RoaringBitmap,
    /// Not yet come to.
    pub pending: RoaringBitmap,
}

impl Account {
    /// Is everyone accounted for? `population \ (done ∪ already so ∪ held ∪ given up) = ∅`
    pub fn is_complete(&self) -> bool {
        self.retrying.is_empty() && self.pending.is_empty()
    }

    /// How many it speaks of.
    pub fn total(&self) -> u64 {
        let Self { done, already_so, held, given_up, retrying, pending } = self;
        [done, already_so, held, given_up, retrying, pending].iter().map(|set| set.len()).sum()
    }
}

/// The started phases, folded from the log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Phases {
    pub(crate) started: BTreeMap<PhaseId, Started>,
}

impl Phases {
    /// The phase, if it has started.
    pub fn get(&self, phase: &PhaseId) -> Option<&Started> {
        self.started.get(phase)
    }

    /// Has it started?
    pub fn has_started(&self, phase: &PhaseId) -> bool {
        self.started.contains_key(phase)
    }

    /// The names of those that have started.
    pub fn names(&self) -> BTreeSet<PhaseId> {
        self.started.keys().cloned().collect()
    }

    pub(crate) fn changed(&mut self, phase: Option<&PhaseId>, mailboxes: &RoaringBitmap) {
        if let Some(started) = phase.and_then(|phase| self.started.get_mut(phase)) {
            started.changed |= mailboxes;
        }
    }
}

impl Started {
    /// Puts everyone of the frozen population where they stand at `now`.
    pub fn account(
        &self,
        rights: &Rights,
        failures: &Failures,
        now: DateTime<Utc>,
        zone: Tz,
    ) -> Account {
        let population: &RoaringBitmap = &self.event.population;
        let mut gone = population.clone();
        let mut outstanding = RoaringBitmap::new();
        for capability in effects(self.event.removes).iter() {
            let closed = rights.closed(capability);
            outstanding |= (population - &closed) - rights.held(capability, now, zone);
            gone &= closed;
        }
        let phase = Some(&self.event.phase);
        let held = (population - &gone) - &outstanding;
        let given_up = &outstanding & &failures.given_up(phase);
        outstanding -= &given_up;
        let retrying = &outstanding & &failures.retrying(phase);
        outstanding -= &retrying;
        Account {
            done: &gone & &self.changed,
            already_so: &gone - &self.changed,
            held,
            given_up,
            retrying,
            pending: outstanding,
        }
    }
}

/// Of what a phase removes, that which has an effect on mailboxes; the rest are gates of the engine.
pub fn effects(removed: Capabilities) -> Capabilities {
    removed.intersection(Capabilities::OF_PLATFORM.with(Capability::Activate))
}

/// Those to whom an effect is due when these capabilities are removed.
pub fn population(rights: &Rights, removed: Capabilities) -> RoaringBitmap {
    let removed = effects(removed);
    let mut population = RoaringBitmap::new();
    if removed.contains(Capability::Activate) {
        population |= rights.pending();
    }
    if !removed.intersection(Capabilities::OF_PLATFORM).is_empty() {
        population |= rights.active();
    }
    population
}
