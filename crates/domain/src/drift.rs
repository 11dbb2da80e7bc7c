//! Drift that was found and is not put right yet, folded from the log.
//!
//! What was found with the word to repair it counts at once as how the platform is: then desired and
//! applied differ, and the same sweep and the same workers that carry a phase out put it right. What comes
//! of that closes the drift. Deliberately absent: how it is found (`compare.rs`).

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;

use crate::{Capabilities, Capability, DriftChecked, DriftFound, Standing};

/// A set of mailboxes that drift alike, found at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Drifting {
    /// The capability.
    pub capability: Capability,
    /// What the log said.
    pub expected: Standing,
    /// What the platform said.
    pub found: Standing,
    /// Is it put right, or was it only reported?
    pub repair: bool,
    /// The position of the event that told it.
    pub found_at: u64,
    /// When that was recorded.
    pub since: DateTime<Utc>,
    /// Whose.
    pub mailboxes: RoaringBitmap,
}

/// What is known of drift.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Drift {
    pub(crate) open: Vec<Drifting>,
    pub(crate) last: Option<Box<(DateTime<Utc>, DriftChecked)>>,
    pub(crate) answered: Option<DateTime<Utc>>,
}

impl Drift {
    /// What is open, in the order in which it was found.
    pub fn open(&self) -> &[Drifting] {
        &self.open
    }

    /// How many rights are open, one for each mailbox and capability.
    pub fn open_rights(&self) -> u64 {
        self.open.iter().map(|open| open.mailboxes.len()).sum()
    }

    /// The last comparison that came to its end, and when it was recorded.
    pub fn last_check(&self) -> Option<&(DateTime<Utc>, DriftChecked)> {
        self.last.as_deref()
    }

    /// The latest occurrence of the plan's cron expression for which it was compared.
    pub fn answered(&self) -> Option<DateTime<Utc>> {
        self.answered
    }

    /// Those for whom drift in one of the capabilities is being put right, and the position at which the
    /// newest of it was found; `None` where there is none.
    pub fn under_repair(
        &self,
        capabilities: Capabilities,
        among: &RoaringBitmap,
    ) -> Option<(u64, RoaringBitmap)> {
        let these = self.open.iter().filter(|open| {
            open.repair
                && capabilities.contains(open.capability)
                && !open.mailboxes.is_disjoint(among)
        });
        these.fold(None, |all: Option<(u64, RoaringBitmap)>, open| {
            let these = &open.mailboxes & among;
            Some(match all {
                Some((at, all)) => (at.max(open.found_at), all | these),
                None => (open.found_at, these),
            })
        })
    }

    pub(crate) fn check(&mut self, event: &DriftChecked, recorded_at: DateTime<Utc>) {
        self.answered = self.answered.max(event.scheduled_for);
        self.last = Some(Box::new((recorded_at, event.clone())));
    }

    pub(crate) fn find(&mut self, event: &DriftFound, found_at: u64, since: DateTime<Utc>) {
        self.settle(event.capability.into(), &event.mailboxes);
        let DriftFound { capability, expected, found, repair, .. } = *event;
        let mailboxes = RoaringBitmap::clone(&event.mailboxes);
        if !mailboxes.is_empty() {
            let drifting =
                Drifting { capability, expected, found, repair, found_at, since, mailboxes };
            self.open.push(drifting);
        }
    }

    /// Something was recorded of these capabilities, so what was found is past.
    pub(crate) fn settle(&mut self, capabilities: Capabilities, mailboxes: &RoaringBitmap) {
        self.settle_where(capabilities, mailboxes, |_| true);
    }

    /// An end was told, or called off: a right that is there although it should be gone is still there.
    pub(crate) fn armed(&mut self, capabilities: Capabilities, mailboxes: &RoaringBitmap) {
        self.settle_where(capabilities, mailboxes, |open| {
            open.expected != Standing::Gone && open.found != Standing::Gone
        });
    }

    fn settle_where(
        &mut self,
        capabilities: Capabilities,
        mailboxes: &RoaringBitmap,
        of: impl Fn(&Drifting) -> bool,
    ) {
        for open in &mut self.open {
            if capabilities.contains(open.capability) && of(open) {
                open.mailboxes -= mailboxes;
            }
        }
        self.open.retain(|open| !open.mailboxes.is_empty());
    }
}
