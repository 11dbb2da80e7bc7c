//! What a mailbox may do at an instant, for whoever has to answer at once: by its life, the plan's calendar
//! and its holds, and by nothing else.
//!
//! Invariants: nothing ends before its instant, and everything ends at it, whether or not anybody has
//! recorded that the phase started; a hold keeps what it names from the moment it is in the log. Deliberately
//! absent: what was applied. A platform that is asked each time has no state of its own to lag behind.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use roaring::RoaringBitmap;

use crate::calendar::civil_date;
use crate::rights::Hold;
use crate::state::State;
use crate::{Capabilities, Capability};

/// Why a mailbox may not do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Nobody asked for it.
    Unregistered,
    /// It was asked for, and never activated.
    NeverActivated,
    /// Its holder gave it up.
    Withdrawn,
    /// The plan does not allow it any more, and no hold keeps it.
    Ended,
}

/// What everybody may do at any instant, as far as the log was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Entitled {
    zone: Tz,
    in_service: Capabilities,
    /// From which instant what is allowed, in order.
    steps: Vec<(DateTime<Utc>, Capabilities)>,
    registered: RoaringBitmap,
    activated: RoaringBitmap,
    withdrawn: RoaringBitmap,
    holds: BTreeMap<u32, Vec<Hold>>,
}

impl Entitled {
    /// What the state says; `None` before a plan was adopted.
    pub fn by(state: &State) -> Option<Self> {
        let plan = state.plan()?;
        let steps = plan.phases.iter().enumerate();
        let rights = &state.rights;
        let mut holds: BTreeMap<u32, Vec<Hold>> = BTreeMap::new();
        for hold in rights.holds().values() {
            holds.entry(hold.number).or_default().push(hold.clone());
        }
        Some(Self {
            zone: plan.zone,
            in_service: plan.in_service,
            steps: steps.map(|(place, phase)| (plan.starts_at(place), phase.allows)).collect(),
            registered: rights.registered().clone(),
            activated: rights.activated().clone(),
            withdrawn: rights.withdrawn().clone(),
            holds,
        })
    }

    /// May this mailbox use a capability of the platform at that instant?
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
