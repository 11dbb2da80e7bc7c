//! What led to each open request: the event that recorded it or, later, that verified it.
//!
//! Requests that come one by one are kept by number; those of one event about many as a set, so
//! that a million of them cost a bitmap. A request leaves when it is answered.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The causes of open requests.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Causes {
    single: BTreeMap<u32, Uuid>,
    #[serde(with = "crate::state::snapshot::keys")]
    pub(super) sets: BTreeMap<Uuid, RoaringBitmap>,
}

impl Causes {
    /// The event that led to the open request of a mailbox.
    pub(super) fn of(&self, number: u32) -> Option<Uuid> {
        let of_set = || self.sets.iter().find(|(_, set)| set.contains(number));
        self.single.get(&number).copied().or_else(|| of_set().map(|(event, _)| *event))
    }

    /// Splits mailboxes by the event that led to their requests.
    pub(super) fn split(&self, mailboxes: &RoaringBitmap) -> BTreeMap<Uuid, RoaringBitmap> {
        let sets = self.sets.iter().map(|(event, set)| (*event, set & mailboxes));
        let mut split: BTreeMap<_, _> = sets.filter(|(_, set)| !set.is_empty()).collect();
        if u64::try_from(self.single.len()).is_ok_and(|singles| singles < mailboxes.len()) {
            for (number, event) in &self.single {
                if mailboxes.contains(*number) {
                    split.entry(*event).or_default().insert(*number);
                }
            }
        } else {
            for number in mailboxes {
                if let Some(event) = self.single.get(&number) {
                    split.entry(*event).or_default().insert(number);
                }
            }
        }
        split
    }

    /// These requests were recorded, or verified, by this event.
    pub(super) fn set(&mut self, mailboxes: &RoaringBitmap, event: Uuid) {
        self.remove(mailboxes);
        if let Some(number) = mailboxes.min().filter(|_| mailboxes.len() == 1) {
            self.single.insert(number, event);
        } else {
            self.sets.insert(event, mailboxes.clone());
        }
    }

    /// These requests are not open any more.
    pub(super) fn remove(&mut self, mailboxes: &RoaringBitmap) {
        if u64::try_from(self.single.len()).is_ok_and(|singles| singles < mailboxes.len()) {
            self.single.retain(|number, _| !mailboxes.contains(*number));
        } else {
            for number in mailboxes {
                self.single.remove(&number);
            }
        }
        self.sets.retain(|_, set| {
            *set -= mailboxes;
            !set.is_empty()
        });
    }
}
