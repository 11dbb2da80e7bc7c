//! What a mailbox may do at an instant, by its lifecycle, the plan's calendar and its holds alone.
//!
//! For services that answer mail servers at once. Invariants: every capability ends exactly at its
//! instant, whether or not the start of the phase is recorded; a hold is in force from the moment
//! it is in the log. Deliberately absent: the applied state. A platform that queries each time has
//! no state of its own that could lag behind.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use roaring::RoaringBitmap;

use crate::{Capabilities, Capability, HoldPlaced, State, civil_date};

/// Why a mailbox lacks a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The mailbox is not registered.
    Unregistered,
    /// The mailbox was never activated.
    NeverActivated,
    /// The holder withdrew.
    Withdrawn,
    /// The plan no longer allows the capability, and no hold keeps it.
    Ended,
}

/// The capabilities of every mailbox at any instant, according to a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Entitled {
    zone: Tz,
    in_service: Capabilities,
    /// The allowed capabilities from each phase's instant on, in order.
    steps: Vec<(DateTime<Utc>, Capabilities)>,
    registered: RoaringBitmap,
    activated: RoaringBitmap,
    withdrawn: RoaringBitmap,
    holds: BTreeMap<u32, Vec<HoldPlaced>>,
}

impl Entitled {
    /// The entitlements of a state; `None` before a plan is adopted.
    pub fn of(state: &State) -> Option<Self> {
        let plan = state.plan()?;
        let steps = plan.phases.iter().enumerate();
        let rights = &state.rights;
        let mut holds: BTreeMap<u32, Vec<HoldPlaced>> = BTreeMap::new();
        for hold in rights.holds.values() {
            holds.entry(hold.number).or_default().push(hold.clone());
        }
        Some(Self {
            zone: plan.zone,
            in_service: plan.in_service,
            steps: steps.map(|(index, phase)| (plan.starts_at(index), phase.allows)).collect(),
            registered: rights.registered.clone(),
            activated: rights.activated.clone(),
            withdrawn: rights.withdrawn.clone(),
            holds,
        })
    }

    /// May this mailbox use a platform capability at this instant?
    pub fn check(
        &self,
        number: u32,
        capability: Capability,
        now: DateTime<Utc>,
    ) -> Result<(), Denied> {
        if !self.registered.contains(number) {
            return Err(Denied::Unregistered);
        }
        if self.withdrawn.contains(number) {
            return Err(Denied::Withdrawn);
        }
        if !self.activated.contains(number) {
            return Err(Denied::NeverActivated);
        }
        if self.allows(capability, now) || self.holds(number, capability, now) {
            return Ok(());
        }
        Err(Denied::Ended)
    }

    fn allows(&self, capability: Capability, now: DateTime<Utc>) -> bool {
        let reached = self.steps.iter().take_while(|(from, _)| *from <= now).last();
        reached.map_or(self.in_service, |(_, allows)| *allows).contains(capability)
    }

    fn holds(&self, number: u32, capability: Capability, now: DateTime<Utc>) -> bool {
        let Some(holds) = self.holds.get(&number) else { return false };
        let today = civil_date(now, self.zone);
        holds
            .iter()
            .any(|hold| hold.capabilities.contains(capability) && hold.is_in_force_on(today))
    }
}
