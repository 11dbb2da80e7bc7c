//! Who may do what: lifecycle, rights taken away or armed, and holds, each as a set of numbers.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::calendar::{civil_date, first_instant};
use crate::{Capabilities, Capability, MailboxSet, Standing};

/// A hold on one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The mailbox.
    pub number: u32,
    /// What is kept.
    pub capabilities: Capabilities,
    /// The last day it is kept; `None` until released.
    pub until: Option<NaiveDate>,
}

impl Hold {
    /// Does it still keep anything on that day?
    pub fn is_in_force_on(&self, day: NaiveDate) -> bool {
        self.until.is_none_or(|until| day <= until)
    }

    /// The instant from which it keeps nothing any more; `None` until released.
    pub fn ends_at(&self, zone: Tz) -> Option<DateTime<Utc>> {
        let day_after = self.until?.succ_opt()?;
        Some(first_instant(day_after, zone))
    }
}

/// The population as sets, folded from the log.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rights {
    pub(crate) registered: RoaringBitmap,
    pub(crate) activated: RoaringBitmap,
    pub(crate) lapsed: RoaringBitmap,
    pub(crate) withdrawn: RoaringBitmap,
    /// Who had a capability and has it no more.
    pub(crate) closed: BTreeMap<Capability, RoaringBitmap>,
    /// Which instants the platform was told, and for whom.
    pub(crate) armed: BTreeMap<(Capability, DateTime<Utc>), RoaringBitmap>,
    pub(crate) holds: BTreeMap<Uuid, Hold>,
}

impl Rights {
    /// Everyone who asked for a mailbox.
    pub fn registered(&self) -> &RoaringBitmap {
        &self.registered
    }

    /// Everyone who activated it, those who withdrew later included.
    pub fn activated(&self) -> &RoaringBitmap {
        &self.activated
    }

    /// Registrations that can't be activated any more.
    pub fn lapsed(&self) -> &RoaringBitmap {
        &self.lapsed
    }

    /// Those who gave it up early.
    pub fn withdrawn(&self) -> &RoaringBitmap {
        &self.withdrawn
    }

    /// Those with a working mailbox: activated and not withdrawn.
    pub fn active(&self) -> RoaringBitmap {
        &self.activated - &self.withdrawn
    }

    /// Registrations that might still be activated.
    pub fn pending(&self) -> RoaringBitmap {
        let mut pending = &self.registered - &self.activated;
        pending -= &self.withdrawn;
        pending -= &self.lapsed;
        pending
    }

    /// Those who lost a capability, as outcome events say.
    pub fn closed(&self, capability: Capability) -> RoaringBitmap {
        match capability {
            Capability::Activate => &(&self.lapsed | &self.activated) | &self.withdrawn,
            Capability::Send
            | Capability::Modify
            | Capability::Receive
            | Capability::Access
            | Capability::RequestLogs
            | Capability::RequestVoucher => {
                self.closed.get(&capability).cloned().unwrap_or_default()
            }
        }
    }

    /// Those who have a capability of the platform, as outcome events say.
    pub fn open(&self, capability: Capability) -> RoaringBitmap {
        match self.closed.get(&capability) {
            Some(closed) => &self.activated - closed,
            None => self.activated.clone(),
        }
    }

    /// Has this mailbox a capability of the platform, as outcome events say?
    pub fn has(&self, number: u32, capability: Capability) -> bool {
        let closed = self.closed.get(&capability);
        self.activated.contains(number) && !closed.is_some_and(|closed| closed.contains(number))
    }

    /// Those among these who have a capability of the platform, as outcome events say.
    pub fn open_among(&self, capability: Capability, these: &RoaringBitmap) -> RoaringBitmap {
        let mut open = these & &self.activated;
        if let Some(closed) = self.closed.get(&capability) {
            open -= closed;
        }
        open
    }

    /// Those for whom the platform was told an end of the capability, by instant.
    pub fn armed(
        &self,
        capability: Capability,
    ) -> impl Iterator<Item = (DateTime<Utc>, &RoaringBitmap)> {
        let earliest = (capability, DateTime::<Utc>::MIN_UTC);
        let latest = (capability, DateTime::<Utc>::MAX_UTC);
        self.armed.range(earliest..=latest).map(|((_, until), set)| (*until, set))
    }

    /// Every hold that is in the log and was not released.
    pub fn holds(&self) -> &BTreeMap<Uuid, Hold> {
        &self.holds
    }

    /// Those whom a hold lets keep the capability at that instant.
    pub fn held(&self, capability: Capability, now: DateTime<Utc>, zone: Tz) -> RoaringBitmap {
        let today = civil_date(now, zone);
        self.holds
            .values()
            .filter(|hold| hold.capabilities.contains(capability) && hold.is_in_force_on(today))
            .map(|hold| hold.number)
            .collect()
    }

    /// Those on whom any hold is in force at that instant.
    pub fn under_hold(&self, now: DateTime<Utc>, zone: Tz) -> RoaringBitmap {
        let today = civil_date(now, zone);
        let in_force = self.holds.values().filter(|hold| hold.is_in_force_on(today));
        in_force.map(|hold| hold.number).collect()
    }

    /// The next number to give.
    pub fn next_number(&self) -> u32 {
        self.registered.max().map_or(0, |last| last.saturating_add(1))
    }

    pub(crate) fn register(&mut self, first: u32, activated_on: &crate::DateColumn) {
        let count = u32::try_from(activated_on.len()).unwrap_or(u32::MAX);
        self.registered.insert_range(first..first.saturating_add(count));
        let activated = (first..).zip(activated_on.iter()).filter(|(_, day)| day.is_some());
        self.activated.extend(activated.map(|(number, _)| number));
    }

    pub(crate) fn close(&mut self, capability: Capability, mailboxes: &MailboxSet) {
        *self.closed.entry(capability).or_default() |= &**mailboxes;
        self.disarm(capability, mailboxes);
    }

    pub(crate) fn restore(&mut self, capabilities: Capabilities, mailboxes: &MailboxSet) {
        for capability in capabilities.iter() {
            if let Some(closed) = self.closed.get_mut(&capability) {
                *closed -= &**mailboxes;
            }
            self.disarm(capability, mailboxes);
        }
        self.drop_empty();
    }

    pub(crate) fn arm(
        &mut self,
        capabilities: Capabilities,
        until: Option<DateTime<Utc>>,
        mailboxes: &MailboxSet,
    ) {
        for capability in capabilities.iter() {
            self.disarm(capability, mailboxes);
            if let Some(until) = until {
                *self.armed.entry((capability, until)).or_default() |= &**mailboxes;
            }
        }
    }

    /// What the platform was found to say counts, whatever was told it.
    pub(crate) fn found(
        &mut self,
        capability: Capability,
        found: Standing,
        mailboxes: &MailboxSet,
    ) {
        match found {
            Standing::Gone => self.close(capability, mailboxes),
            Standing::Allowed => self.restore(capability.into(), mailboxes),
            Standing::Until(end) => {
                self.restore(capability.into(), mailboxes);
                self.arm(capability.into(), Some(end), mailboxes);
            }
        }
    }

    fn disarm(&mut self, capability: Capability, mailboxes: &MailboxSet) {
        for ((armed, _), set) in &mut self.armed {
            if *armed == capability {
                *set -= &**mailboxes;
            }
        }
        self.drop_empty();
    }

    fn drop_empty(&mut self) {
        self.armed.retain(|_, set| !set.is_empty());
        self.closed.retain(|_, set| !set.is_empty());
    }
}
