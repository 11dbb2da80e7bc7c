use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::fence::Fence;
use super::part::Part;
use super::{Answer, Cause, Failure, SetRights};

/// The outcomes of a call so far; each mailbox is in one of the sets.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) applied: RoaringBitmap,
    pub(super) already_so: RoaringBitmap,
    /// By cause, and whether a retry may help.
    failed: BTreeMap<(Cause, bool), RoaringBitmap>,
}

/// The mailboxes of a part that are not superseded.
pub(super) struct Decided {
    /// Mailboxes whose rows must change.
    pub(super) wanted: RoaringBitmap,
    /// All of them, including those that need no change.
    pub(super) all: RoaringBitmap,
}

impl Outcomes {
    /// The mailboxes that failed for a cause, and whether a retry may help.
    pub(super) fn failed(&mut self, cause: Cause, transient: bool) -> &mut RoaringBitmap {
        self.failed.entry((cause, transient)).or_default()
    }

    /// Merges other outcomes.
    pub(super) fn add(&mut self, other: Self) {
        self.applied |= other.applied;
        self.already_so |= other.already_so;
        for ((cause, transient), mailboxes) in other.failed {
            *self.failed(cause, transient) |= mailboxes;
        }
    }

    /// Sorts the mailboxes of a part of a mail directory by their outcome.
    pub(super) fn sort(
        &mut self,
        part: &Part,
        existing: &RoaringBitmap,
        so: &RoaringBitmap,
        fence: &Fence,
        call: &SetRights,
    ) -> Decided {
        let known = &part.mailboxes & existing;
        let superseded = fence.later_than(call.decided_at, call.capabilities) & &known;
        let all = &known - &superseded;
        let already_so = &all & so;
        let wanted = &all - &already_so;
        *self.failed(Cause::UNKNOWN_MAILBOX, false) |= &part.mailboxes - known;
        *self.failed(Cause::SUPERSEDED, true) |= superseded;
        self.already_so |= already_so;
        self.applied |= &wanted;
        Decided { wanted, all }
    }

    /// The answer to the call.
    pub(super) fn answer(self) -> Answer {
        let failed = self.failed.into_iter().filter(|(_, mailboxes)| !mailboxes.is_empty());
        let failure = |((cause, transient), mailboxes): ((Cause, bool), RoaringBitmap)| Failure {
            mailboxes: mailboxes.into(),
            cause,
            transient,
        };
        Answer {
            applied: self.applied.into(),
            already_so: self.already_so.into(),
            failed: failed.map(failure).collect(),
        }
    }
}
