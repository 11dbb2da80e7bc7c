//! Started phases and their accounts: every mailbox of a frozen population, in exactly one set.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::failures::Failures;
use super::rights::Rights;
use crate::{Capabilities, Capability, PhaseCompleted, PhaseId, PhaseStarted, effects};

/// A phase that has started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// The id of the event that started it, the cause of its effects.
    pub cause: Uuid,
    /// When that event was recorded.
    pub started_at: DateTime<Utc>,
    /// That event.
    pub event: PhaseStarted,
    /// Mailboxes that the phase changed, at its date or by arming the platform.
    #[serde(skip)]
    pub changed: RoaringBitmap,
    /// When it completed, and with which account.
    pub completed: Option<(DateTime<Utc>, PhaseCompleted)>,
}

/// A partition of a phase's frozen population.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Account {
    /// Changed by the phase.
    pub done: RoaringBitmap,
    /// Already in the target state.
    pub already_so: RoaringBitmap,
    /// Exempted by a hold.
    pub held: RoaringBitmap,
    /// Failed permanently.
    pub failed: RoaringBitmap,
    /// Waiting for the next attempt.
    pub retrying: RoaringBitmap,
    /// Not yet processed.
    pub pending: RoaringBitmap,
}

impl Account {
    /// Is every mailbox accounted for? `population \ (done ∪ already so ∪ held ∪ failed) = ∅`
    pub fn is_complete(&self) -> bool {
        self.retrying.is_empty() && self.pending.is_empty()
    }

    /// The size of the population.
    pub fn total(&self) -> u64 {
        let Self { done, already_so, held, failed, retrying, pending } = self;
        [done, already_so, held, failed, retrying, pending].iter().map(|set| set.len()).sum()
    }
}

/// The started phases, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Phases {
    pub(super) started: BTreeMap<PhaseId, Started>,
}

impl Phases {
    /// The phase, if it has started.
    pub fn get(&self, phase: &PhaseId) -> Option<&Started> {
        self.started.get(phase)
    }

    /// Has the phase started?
    pub fn has_started(&self, phase: &PhaseId) -> bool {
        self.started.contains_key(phase)
    }

    /// The ids of all started phases.
    pub fn names(&self) -> BTreeSet<PhaseId> {
        self.started.keys().cloned().collect()
    }

    pub(super) fn record_change(&mut self, phase: Option<&PhaseId>, mailboxes: &RoaringBitmap) {
        if let Some(started) = phase.and_then(|phase| self.started.get_mut(phase)) {
            started.changed |= mailboxes;
        }
    }
}

impl Started {
    /// Partitions the frozen population as of `now`.
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
        let failed = &outstanding & &failures.failed(phase);
        outstanding -= &failed;
        let retrying = &outstanding & &failures.retrying(phase);
        outstanding -= &retrying;
        Account {
            done: &gone & &self.changed,
            already_so: &gone - &self.changed,
            held,
            failed,
            retrying,
            pending: outstanding,
        }
    }
}

/// The mailboxes that need an effect when these capabilities are removed.
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
