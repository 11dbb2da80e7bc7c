//! The fence against late writes: the newest decision on each mailbox of a part.
//!
//! A worker that was suspended past its lease continues with an outdated decision. Each call
//! carries the position of the log at which it was decided; a directory stores the newest one for
//! every mailbox and capability, and ignores calls that were decided earlier. The positions are
//! stored as sets, in one row for 65,536 numbers, so a phase costs a few rows. Invariant: a late
//! call never passes. The number of distinct positions per capability is limited; the oldest are
//! merged into the later one of them, so a call that is hundreds of decisions old may be rejected
//! needlessly: it is decided and sent again. If the log is restored from an older backup, a
//! directory knows positions beyond its end: then the directory must be restored too, or rebuilt.

use std::collections::BTreeMap;

use domain::{Capabilities, Capability, MailboxSet};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

/// Distinct positions per capability in a part. No mailbox is in two of the sets, so a row has some
/// 100 kB at worst, and a few hundred bytes after a phase.
const TOLD_APART: usize = 256;

/// The last decisions on the mailboxes of one part; the sets of a capability are disjoint.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Fence(BTreeMap<Capability, BTreeMap<u64, MailboxSet>>);

impl Fence {
    /// Parses the output of [`Self::to_text`].
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| format!("holds invalid decisions: {error}"))
    }

    /// The mailboxes by capability and position, as JSON.
    pub(super) fn to_text(&self) -> Result<String, String> {
        serde_json::to_string(&self.0)
            .map_err(|error| format!("cannot store its decisions: {error}"))
    }

    /// The mailboxes with a later decision on one of the capabilities.
    pub(super) fn later_than(&self, position: u64, capabilities: Capabilities) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        for decided in capabilities.iter().filter_map(|capability| self.0.get(&capability)) {
            let Some(above) = position.checked_add(1) else { continue };
            for mailboxes in decided.range(above..).map(|(_, mailboxes)| mailboxes) {
                all |= &**mailboxes;
            }
        }
        all
    }

    /// Stores a decision for the mailboxes that have no later one. Returns whether anything
    /// changed.
    pub(super) fn remember(
        &mut self,
        position: u64,
        capabilities: Capabilities,
        mailboxes: &RoaringBitmap,
    ) -> bool {
        // Nothing precedes position 0, so there is nothing to reject.
        if position == 0 || mailboxes.is_empty() {
            return false;
        }
        let mut changed = false;
        for capability in capabilities.iter() {
            let decided = self.0.entry(capability).or_default();
            if decided.get(&position).is_some_and(|known| mailboxes.is_subset(known)) {
                continue;
            }
            changed = true;
            for earlier in decided.values_mut() {
                *earlier = (&**earlier - mailboxes).into();
            }
            let known = decided.entry(position).or_default();
            *known = (&**known | mailboxes).into();
            decided.retain(|_, mailboxes| !mailboxes.is_empty());
            while decided.len() > TOLD_APART {
                let Some((_, oldest)) = decided.pop_first() else { break };
                if let Some(mut next) = decided.first_entry() {
                    let both = &**next.get() | &*oldest;
                    *next.get_mut() = both.into();
                }
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    const BOTH: Capabilities = Capabilities::OF_PLATFORM;

    fn set(numbers: impl IntoIterator<Item = u32>) -> RoaringBitmap {
        numbers.into_iter().collect()
    }

    #[test]
    fn a_decision_keeps_out_earlier_ones_of_its_mailboxes_and_its_capability() {
        let send = Capabilities::from(Capability::Send);
        let mut fence = Fence::default();
        assert!(fence.remember(7, send, &set(0..10)));
        assert!(!fence.remember(7, send, &set(3..5)), "known already");
        assert_eq!(fence.later_than(6, BOTH), set(0..10));
        assert_eq!(fence.later_than(7, BOTH), set([]));
        assert_eq!(fence.later_than(u64::MAX, BOTH), set([]));
        assert_eq!(fence.later_than(0, Capability::Receive.into()), set([]));
        assert!(fence.remember(9, send, &set(5..15)));
        assert_eq!(fence.later_than(7, send), set(5..15));
        assert_eq!(Fence::parse(&fence.to_text().unwrap()).unwrap(), fence);
        assert!(!Fence::default().remember(0, send, &set(0..10)), "nothing is earlier");
    }

    #[test]
    fn of_more_decisions_than_are_told_apart_the_newest_stay_exact() {
        let mut fence = Fence::default();
        for number in 0..1_000_u32 {
            assert!(fence.remember(u64::from(number) + 1, BOTH, &set([number])));
        }
        for position in 0..1_000_u32 {
            let later = fence.later_than(position.into(), BOTH);
            assert!(set(position..1_000).is_subset(&later), "{position}");
            if position > 1_000 - 256 {
                assert_eq!(later, set(position..1_000), "{position}");
            }
        }
        assert!(fence.to_text().unwrap().len() < 25_000);
    }

    #[test]
    fn text_that_holds_no_decisions_is_told() {
        assert_eq!(Fence::parse("{}").unwrap(), Fence::default());
        for strange in ["", "[]", "{\"send\":{\"-1\":[]}}", "{\"fly\":{}}"] {
            assert!(Fence::parse(strange).is_err(), "{strange}");
        }
    }

    proptest! {
        #[test]
        fn whoever_has_a_later_decision_is_kept_out_however_many_there_are(
            calls in vec((1..60_u64, btree_set(0..40_u32, 1..20)), 1..80),
        ) {
            let mut fence = Fence::default();
            let mut newest: BTreeMap<u32, u64> = BTreeMap::new();
            for (position, mailboxes) in calls {
                let late = fence.later_than(position, BOTH);
                for (number, decided) in &newest {
                    prop_assert!(*decided <= position || late.contains(*number));
                }
                let mailboxes = set(mailboxes) - late;
                newest.extend(mailboxes.iter().map(|number| (number, position)));
                fence.remember(position, BOTH, &mailboxes);
                let kept = Fence::parse(&fence.to_text().unwrap()).unwrap();
                prop_assert_eq!(&kept, &fence);
            }
        }
    }
}
