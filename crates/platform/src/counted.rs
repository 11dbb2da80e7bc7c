//! Sets found by counting: a phase leaves 65,536 rows alike, so their numbers need not be listed.
//!
//! Invariant: exact, never a guess. A range with as many rows as numbers holds them all; a
//! condition that holds for none or for all of them determines its set; of the others the smaller
//! side is listed.

use roaring::RoaringBitmap;

use super::part::Part;

/// How a set is found once its members are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// It is empty.
    Nobody,
    /// It is everyone there is.
    Everyone,
    /// Its members are listed.
    Members,
    /// Its complement is listed.
    Others,
}

/// The counted rows of a part: first what is still to be listed, then the sets.
#[derive(Debug)]
pub(super) struct Counted<'a> {
    conditions: &'a [String],
    /// The existing numbers, if the count alone determines them.
    dense: Option<RoaringBitmap>,
    ways: Vec<Found>,
}

impl<'a> Counted<'a> {
    /// The columns that count the rows: all of them, and those of each condition.
    pub(super) fn columns(conditions: &[String]) -> Vec<String> {
        let filter = |condition: &String| format!("count(*) FILTER (WHERE {condition})");
        std::iter::once("count(*)".to_owned()).chain(conditions.iter().map(filter)).collect()
    }

    /// Reads the values of those columns for a part.
    pub(super) fn of(part: &Part, conditions: &'a [String], counts: &[i64]) -> Self {
        let all = counts.first().copied().unwrap_or(0);
        let ways = counts.iter().skip(1).map(|members| Found::of(*members, all)).collect();
        Self { conditions, dense: dense(part, all), ways }
    }

    /// The columns that list the rest, with the database's aggregate of numbers.
    pub(super) fn lists(&self, aggregate: &str) -> Vec<String> {
        let existing = self.dense.is_none().then(|| aggregate.to_owned());
        let listed = self.ways.iter().zip(self.conditions).filter_map(|(way, of)| way.listed(of));
        let listed = listed.map(|of| format!("{aggregate} FILTER (WHERE {of})"));
        existing.into_iter().chain(listed).collect()
    }

    /// The existing numbers, and those of them for which each condition holds, from the listed
    /// ones.
    pub(super) fn sets(self, lists: Vec<RoaringBitmap>) -> (RoaringBitmap, Vec<RoaringBitmap>) {
        let mut lists = lists.into_iter();
        let existing = self.dense.or_else(|| lists.next()).unwrap_or_default();
        let set = |way: Found| match way {
            Found::Nobody => RoaringBitmap::new(),
            Found::Everyone => existing.clone(),
            Found::Members => lists.next().unwrap_or_default(),
            Found::Others => &existing - lists.next().unwrap_or_default(),
        };
        let sets = self.ways.into_iter().map(set).collect();
        (existing, sets)
    }
}

impl Found {
    /// How to find a set with `members` of `all` rows.
    fn of(members: i64, all: i64) -> Self {
        match members {
            0 => Self::Nobody,
            _ if members == all => Self::Everyone,
            _ if members <= all / 2 => Self::Members,
            _ => Self::Others,
        }
    }

    /// The condition of the rows to be listed; `None` if nothing is to be listed.
    fn listed(self, condition: &str) -> Option<String> {
        match self {
            Self::Nobody | Self::Everyone => None,
            Self::Members => Some(condition.to_owned()),
            Self::Others => Some(format!("NOT ({condition})")),
        }
    }
}

/// All numbers from the part's first to its last, if there are that many rows.
fn dense(part: &Part, rows: i64) -> Option<RoaringBitmap> {
    let span = i64::from(part.last - part.first) + 1;
    (rows == span).then(|| {
        let mut all = RoaringBitmap::new();
        all.insert_range(part.first..=part.last);
        all
    })
}

/// All numbers from the first to the last of a page, if it has that many rows.
pub(super) fn whole((rows, first, last): (u32, u32, u32)) -> Option<RoaringBitmap> {
    let mut all = RoaringBitmap::new();
    if rows > 0 {
        all.insert_range(first..=last);
    }
    (all.len() == u64::from(rows)).then_some(all)
}
