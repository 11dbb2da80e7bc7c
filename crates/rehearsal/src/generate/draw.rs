use chrono::{Days, NaiveDate};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The seeded source of all generated data. `ChaCha8` is specified, so that another version of its
/// library gives the same numbers; the conversion to draws is implemented here, for the same
/// reason.
pub(crate) struct Draw(ChaCha8Rng);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Any number.
    pub(crate) fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 where the bound is 0. A bound of 2^32 would be even to one in
    /// 2^32.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let scaled = u64::from(self.0.next_u32()) * u64::from(bound);
        u32::try_from(scaled >> 32).unwrap_or(0)
    }

    /// An index into a list of this length; 0 if it is empty.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        let bound = u32::try_from(length).unwrap_or(u32::MAX);
        usize::try_from(self.below(bound)).unwrap_or(0)
    }

    /// True once in `count` times.
    pub(crate) fn one_in(&mut self, count: u32) -> bool {
        self.below(count) == 0
    }

    /// A day from the first to the last, both included.
    pub(super) fn day(&mut self, first: NaiveDate, last: NaiveDate) -> NaiveDate {
        let span = u32::try_from(last.signed_duration_since(first).num_days()).unwrap_or(0);
        let days = Days::new(u64::from(self.below(span + 1)));
        first.checked_add_days(days).unwrap_or(first)
    }
}

/// Chooses exactly `wanted` out of `left`, each as likely as the other, one after the other.
pub(super) struct Share {
    wanted: u32,
    left: u32,
}

impl Share {
    pub(super) fn new(wanted: u32, left: u32) -> Self {
        Self { wanted, left }
    }

    /// Is the next one chosen?
    pub(super) fn next(&mut self, draw: &mut Draw) -> bool {
        let chosen = draw.below(self.left) < self.wanted;
        self.left = self.left.saturating_sub(1);
        self.wanted -= u32::from(chosen);
        chosen
    }
}
