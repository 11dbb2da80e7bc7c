//! Sets found by counting: a phase leaves 65,536 rows alike, and then their numbers need not be listed.
//!
//! Invariant: exact, never a guess. A range with as many rows as numbers holds them all; a condition that
//! holds for none or for all of them names its set; of the others the smaller side is listed.

use roaring::RoaringBitmap;

use super::part::Part;

/// How a set is found once its members are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is empty.
    Nobody,
    /// It is everyone there is.
    Everyone,
    /// Its members are listed.
    Members,
    /// Those that are not in it are listed.
    Others,
}

/// How the set of the rows is found of which `members` of `all` are.
pub(super) fn found(members: u64, all: u64) -> Found {
    match members {
        0 => Found::Nobody,
        _ if members == all => Found::Everyone,
        _ if members <= all / 2 => Found::Members,
        _ => Found::Others,
    }
}

impl Found {
    /// The condition of the rows to be listed; `None` where there is nothing to list.
    pub(super) fn listed(self, condition: &str) -> Option<String> {
        match self {
            Self::Nobody | Self::Everyone => None,
            Self::Members => Some(condition.to_owned()),
            Self::Others => Some(format!("NOT ({condition})")),
        }
    }

    /// The set, from those that exist and those that were listed.
    pub(super) fn set(
        self,
        existing: &RoaringBitmap,
        listed: Option<RoaringBitmap>,
    ) -> RoaringBitmap {
        match (self, listed) {
            (Self::Everyone, _) => existing.clone(),
            (Self::Members, Some(members)) => members,
            (Self::Others, Some(others)) => existing - others,
            (Self::Nobody | Self::Members | Self::Others, _) => RoaringBitmap::new(),
        }
    }
}

/// Everyone from the part's first to its last number, if that many rows are there.
pub(super) fn dense(part: &Part, rows: u64) -> Option<RoaringBitmap> {
    let span = u64::from(part.last - part.first) + 1;
    (rows == span).then(|| {
        let mut all = RoaringBitmap::new();
        all.insert_range(part.first..=part.last);
        all
    })
}

/// Everyone from the first to the last number of a page, if it has that many rows.
pub(super) fn whole((rows, first, last): (u32, u32, u32)) -> Option<RoaringBitmap> {
    let mut all = RoaringBitmap::new();
    if rows > 0 {
        all.insert_range(first..=last);
    }
    (all.len() == u64::from(rows)).then_some(all)
}
