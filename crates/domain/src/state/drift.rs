//! Open drift: differences between platform and log that are not repaired yet.
//!
//! Drift found with `repair` replaces the applied state at once. Desired and applied state then
//! differ, so the sweep and workers that carry out phases also repair drift, and the outcome closes
//! it. Deliberately absent: how drift is found (`compare.rs`).

use chrono::{DateTime, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::{Capabilities, Capability, DriftChecked, DriftFound, Standing};

/// Mailboxes with the same drift, found by one comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drifting {
    /// The capability.
    pub capability: Capability,
    /// The state according to the log.
    pub expected: Standing,
    /// The state on the platform.
    pub found: Standing,
    /// Is it repaired, or only reported?
    pub repair: bool,
    /// The log position of the event that recorded it.
    pub found_at: u64,
    /// When that event was recorded.
    pub since: DateTime<Utc>,
    /// The mailboxes.
    #[serde(skip)]
    pub mailboxes: RoaringBitmap,
}

/// Drift, folded from the log.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// Open drift, oldest first.
    pub open: Vec<Drifting>,
    last: Option<Box<(DateTime<Utc>, DriftChecked)>>,
    /// The latest occurrence of the plan's cron expression that a comparison covered.
    pub answered: Option<DateTime<Utc>>,
}

impl Drift {
    /// Number of rights with open drift: one per mailbox and capability.
    pub fn open_rights(&self) -> u64 {
        self.open.iter().map(|open| open.mailboxes.len()).sum()
    }

    /// The last finished comparison, and when it was recorded.
    pub fn last_check(&self) -> Option<&(DateTime<Utc>, DriftChecked)> {
        self.last.as_deref()
    }

    pub(super) fn check(&mut self, event: &DriftChecked, recorded_at: DateTime<Utc>) {
        self.answered = self.answered.max(event.scheduled_for);
        self.last = Some(Box::new((recorded_at, event.clone())));
    }

    pub(super) fn find(&mut self, event: &DriftFound, found_at: u64, since: DateTime<Utc>) {
        self.settle(event.capability.into(), &event.mailboxes);
        let DriftFound { capability, expected, found, repair, .. } = *event;
        let mailboxes = RoaringBitmap::clone(&event.mailboxes);
        if !mailboxes.is_empty() {
            let drifting =
                Drifting { capability, expected, found, repair, found_at, since, mailboxes };
            self.open.push(drifting);
        }
    }

    /// Closes drift: a newer event states the capabilities.
    pub(super) fn settle(&mut self, capabilities: Capabilities, mailboxes: &RoaringBitmap) {
        self.settle_where(capabilities, mailboxes, |_| true);
    }

    /// Closes drift that arming or disarming corrects. A right that should be gone stays open:
    /// arming does not remove it.
    pub(super) fn armed(&mut self, capabilities: Capabilities, mailboxes: &RoaringBitmap) {
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
