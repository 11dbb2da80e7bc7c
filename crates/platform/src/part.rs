//! Splits sets of numbers for the mail directories: into parts, and into ranges where that is
//! faster.

use domain::MailboxSet;
use roaring::RoaringBitmap;

/// A row passed by a range scan is cheaper by this factor than a row that is looked up.
const SCAN_IS_CHEAPER_BY: u64 = 8;

/// The mailboxes of a call whose numbers share their upper 16 bits: one container of the set, at
/// most a few hundred kilobytes in transit.
pub(super) struct Part {
    pub(super) mailboxes: RoaringBitmap,
    pub(super) first: u32,
    pub(super) last: u32,
}

/// The parts of a set, in ascending order.
pub(super) fn parts(mailboxes: &MailboxSet) -> impl Iterator<Item = Part> {
    let mut next = mailboxes.min();
    std::iter::from_fn(move || {
        let from = next?;
        let upto = from | 0xffff;
        let numbers = mailboxes.between(from, upto).into_inner();
        let (first, last) = (numbers.min()?, numbers.max()?);
        next = upto.checked_add(1).and_then(|above| mailboxes.range(above..).next());
        Some(Part { mailboxes: numbers, first, last })
    })
}

impl Part {
    /// The upper 16 bits of its numbers.
    pub(super) fn id(&self) -> u32 {
        self.first >> 16
    }

    /// Is it so sparse that looking its numbers up is faster than a range scan?
    pub(super) fn is_listed(&self) -> bool {
        let span = u64::from(self.last - self.first) + 1;
        self.mailboxes.len() * SCAN_IS_CHEAPER_BY < span
    }
}

/// The ranges that contain all of `wanted` and no other member of `existing`; `wanted` is a subset
/// of it.
///
/// Ranges may contain numbers that do not exist: this makes one range of a whole population.
pub(super) fn runs(wanted: &RoaringBitmap, existing: &RoaringBitmap) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    let mut others = (existing - wanted).into_iter().peekable();
    let mut broken = true;
    for number in wanted {
        while others.next_if(|other| *other < number).is_some() {
            broken = true;
        }
        match runs.last_mut() {
            Some((_, last)) if !broken => *last = number,
            _ => runs.push((number, number)),
        }
        broken = false;
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_hold_all_that_is_wanted_and_nothing_else_that_exists(
            wanted in btree_set(0..200_u32, 0..40),
            others in btree_set(0..200_u32, 0..40),
        ) {
            let wanted: RoaringBitmap = wanted.into_iter().collect();
            let existing = &wanted | others.into_iter().collect::<RoaringBitmap>();
            let runs = runs(&wanted, &existing);
            let mut covered = RoaringBitmap::new();
            for (first, last) in &runs {
                covered.insert_range(first..=last);
            }
            prop_assert!(covered & &existing == wanted);
            let others = (existing - wanted).len();
            prop_assert!(u64::try_from(runs.len()).unwrap() <= others + 1);
        }
    }
}
