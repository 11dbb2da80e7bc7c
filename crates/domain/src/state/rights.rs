//! Lifecycle, removed and armed rights, and holds of the whole population, as sets.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Capabilities, Capability, DateColumn, HoldPlaced, Lifecycle, MailboxSet, Standing, civil_date,
    first_instant,
};

impl HoldPlaced {
    /// Is the hold in force on this day?
    pub fn is_in_force_on(&self, day: NaiveDate) -> bool {
        self.until.is_none_or(|until| day <= until)
    }

    /// The instant at which the hold ends; `None` until released.
    pub fn ends_at(&self, zone: Tz) -> Option<DateTime<Utc>> {
        let day_after = self.until?.succ_opt()?;
        Some(first_instant(day_after, zone))
    }
}

/// The population as sets, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// All registered mailboxes.
    #[serde(skip)]
    pub registered: RoaringBitmap,
    /// All activated mailboxes, later withdrawals included.
    #[serde(skip)]
    pub activated: RoaringBitmap,
    /// Registrations that lapsed without activation.
    #[serde(skip)]
    pub lapsed: RoaringBitmap,
    /// Withdrawn mailboxes.
    #[serde(skip)]
    pub withdrawn: RoaringBitmap,
    /// Mailboxes that lost a capability.
    #[serde(with = "super::snapshot::keys")]
    pub(super) closed: BTreeMap<Capability, RoaringBitmap>,
    /// Mailboxes by the instant at which the platform ends a capability by itself.
    #[serde(with = "super::snapshot::keys")]
    pub(super) armed: BTreeMap<(Capability, DateTime<Utc>), RoaringBitmap>,
    /// All holds that were not released, expired ones included.
    pub holds: BTreeMap<Uuid, HoldPlaced>,
}

impl Rights {
    /// Active mailboxes: activated and not withdrawn.
    pub fn active(&self) -> RoaringBitmap {
        &self.activated - &self.withdrawn
    }

    /// Pending registrations: not activated, withdrawn or lapsed.
    pub fn pending(&self) -> RoaringBitmap {
        let mut pending = &self.registered - &self.activated;
        pending -= &self.withdrawn;
        pending -= &self.lapsed;
        pending
    }

    /// The lifecycle of a mailbox.
    pub fn lifecycle(&self, number: u32) -> Lifecycle {
        if self.withdrawn.contains(number) {
            Lifecycle::Withdrawn
        } else if self.activated.contains(number) {
            Lifecycle::Activated
        } else if !self.registered.contains(number) {
            Lifecycle::Unknown
        } else if self.lapsed.contains(number) {
            Lifecycle::Lapsed
        } else {
            Lifecycle::Registered
        }
    }

    /// Mailboxes that lost a capability, according to outcome events.
    pub fn closed(&self, capability: Capability) -> RoaringBitmap {
        if capability == Capability::Activate {
            return &(&self.lapsed | &self.activated) | &self.withdrawn;
        }
        self.closed.get(&capability).cloned().unwrap_or_default()
    }

    /// Mailboxes that have a platform capability, according to outcome events.
    pub fn open(&self, capability: Capability) -> RoaringBitmap {
        self.open_among(capability, &self.activated)
    }

    /// Does this mailbox have a platform capability, according to outcome events?
    pub fn has(&self, number: u32, capability: Capability) -> bool {
        let closed = self.closed.get(&capability);
        self.activated.contains(number) && !closed.is_some_and(|closed| closed.contains(number))
    }

    /// The members of `mailboxes` that have a platform capability, according to outcome events.
    pub fn open_among(&self, capability: Capability, mailboxes: &RoaringBitmap) -> RoaringBitmap {
        let mut open = mailboxes & &self.activated;
        if let Some(closed) = self.closed.get(&capability) {
            open -= closed;
        }
        open
    }

    /// Mailboxes with an armed end of the capability, by instant.
    pub fn armed(
        &self,
        capability: Capability,
    ) -> impl Iterator<Item = (DateTime<Utc>, &RoaringBitmap)> {
        let earliest = (capability, DateTime::<Utc>::MIN_UTC);
        let latest = (capability, DateTime::<Utc>::MAX_UTC);
        self.armed.range(earliest..=latest).map(|((_, until), set)| (*until, set))
    }

    /// Mailboxes with a hold on the capability at this instant.
    pub fn held(&self, capability: Capability, now: DateTime<Utc>, zone: Tz) -> RoaringBitmap {
        let today = civil_date(now, zone);
        self.holds
            .values()
            .filter(|hold| hold.capabilities.contains(capability) && hold.is_in_force_on(today))
            .map(|hold| hold.number)
            .collect()
    }

    /// Mailboxes with any hold at this instant.
    pub fn under_hold(&self, now: DateTime<Utc>, zone: Tz) -> RoaringBitmap {
        let today = civil_date(now, zone);
        let in_force = self.holds.values().filter(|hold| hold.is_in_force_on(today));
        in_force.map(|hold| hold.number).collect()
    }

    /// The latest end of the holds on a capability of a mailbox; `None` while one of them has no
    /// end.
    pub(crate) fn hold_end(
        &self,
        number: u32,
        capability: Capability,
        zone: Tz,
    ) -> Option<DateTime<Utc>> {
        let concerns =
            |hold: &&HoldPlaced| hold.number == number && hold.capabilities.contains(capability);
        let ends = self.holds.values().filter(concerns).map(|hold| hold.ends_at(zone));
        ends.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// The next number to assign.
    pub fn next_number(&self) -> u32 {
        self.registered.max().map_or(0, |last| last.saturating_add(1))
    }

    pub(super) fn register(&mut self, first: u32, activated_on: &DateColumn) {
        let count = u32::try_from(activated_on.len()).unwrap_or(u32::MAX);
        self.registered.insert_range(first..first.saturating_add(count));
        let activated = (first..).zip(activated_on.iter()).filter(|(_, day)| day.is_some());
        self.activated.extend(activated.map(|(number, _)| number));
    }

    pub(super) fn close(&mut self, capability: Capability, mailboxes: &MailboxSet) {
        *self.closed.entry(capability).or_default() |= &**mailboxes;
        self.disarm(capability, mailboxes);
    }

    pub(super) fn restore(&mut self, capabilities: Capabilities, mailboxes: &MailboxSet) {
        for capability in capabilities.iter() {
            if let Some(closed) = self.closed.get_mut(&capability) {
                *closed -= &**mailboxes;
            }
            self.disarm(capability, mailboxes);
        }
        self.drop_empty();
    }

    pub(super) fn arm(
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

    /// Replaces the applied state with the state found on the platform.
    pub(super) fn overwrite(
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
