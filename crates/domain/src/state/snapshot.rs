//! Snapshots of a state: named sets and a small header.
//!
//! The sets are large and change little from one snapshot to the next; the header is the state
//! without them, small, with a JSON form. Invariant: `State::from_snapshot(header, |name| the set
//! of that name)` restores the state. A missing set counts as empty. Deliberately absent: the
//! storage of snapshots.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::State;
use super::rights::Rights;
use crate::PhaseId;

/// A set with its name, which does not change while the set does.
pub(super) type Named<'a> = (String, &'a mut RoaringBitmap);

/// A state without its sets.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SnapshotHeader(State);

impl State {
    /// The state without its sets, and its sets by name.
    pub fn snapshot(&self) -> (SnapshotHeader, BTreeMap<String, RoaringBitmap>) {
        let mut rest = self.clone();
        let sets = rest.sets_mut().into_iter().map(|(name, set)| (name, std::mem::take(set)));
        let sets = sets.collect();
        (SnapshotHeader(rest), sets)
    }

    /// Restores a state; `set` returns the set of a name.
    pub fn from_snapshot(
        SnapshotHeader(mut state): SnapshotHeader,
        mut set: impl FnMut(&str) -> RoaringBitmap,
    ) -> Self {
        for (name, members) in state.sets_mut() {
            *members = set(&name);
        }
        state
    }

    fn sets_mut(&mut self) -> Vec<Named<'_>> {
        let Rights { registered, activated, lapsed, withdrawn, closed, armed, holds: _ } =
            &mut self.rights;
        let mut sets = vec![
            ("registered".to_owned(), registered),
            ("activated".to_owned(), activated),
            ("lapsed".to_owned(), lapsed),
            ("withdrawn".to_owned(), withdrawn),
            ("erasure/ordered".to_owned(), &mut self.erasure.ordered),
            ("erasure/erased".to_owned(), &mut self.erasure.erased),
        ];
        sets.extend(named("closed", closed));
        for ((capability, until), set) in armed {
            sets.push((format!("armed/{capability}/{}", text(*until)), set));
        }
        for (phase, started) in &mut self.phases.started {
            sets.push((format!("population/{phase}"), started.event.population.inner_mut()));
            sets.push((format!("changed/{phase}"), &mut started.changed));
        }
        // Groups with the same attempt and instant are numbered.
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for waiting in &mut self.failures.waiting {
            let phase = waiting.phase.as_ref().map_or("-", PhaseId::as_str);
            let attempt = format!("{phase}/{}/{}", waiting.attempts, text(waiting.retry_at));
            let nth = seen.entry(attempt.clone()).or_default();
            sets.push((format!("waiting/{attempt}/{nth}"), waiting.mailboxes.inner_mut()));
            *nth += 1;
        }
        for (key, incident) in &mut self.failures.incidents {
            sets.push((format!("incident-open/{key}"), &mut incident.open));
            sets.push((format!("incident-resolved/{key}"), &mut incident.resolved));
        }
        for open in &mut self.drift.open {
            // A drift event concerns one capability, so its position names the set.
            sets.push((format!("drifting/{}", open.found_at), &mut open.mailboxes));
        }
        self.notices.add_sets(&mut sets);
        self.vouchers.add_sets(&mut sets);
        sets
    }
}

fn text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The sets of a map, each named by its key.
pub(super) fn named<'a, K: std::fmt::Display>(
    what: &str,
    sets: &'a mut BTreeMap<K, RoaringBitmap>,
) -> impl Iterator<Item = Named<'a>> {
    sets.iter_mut().map(move |(key, set)| (format!("{what}/{key}"), set))
}

/// The form of a map of sets in a header: its keys.
pub(super) mod keys {
    use std::collections::BTreeMap;

    use roaring::RoaringBitmap;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<K: Serialize, S: Serializer>(
        sets: &BTreeMap<K, RoaringBitmap>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(sets.keys())
    }

    pub(crate) fn deserialize<'de, K: Deserialize<'de> + Ord, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<K, RoaringBitmap>, D::Error> {
        let keys = Vec::<K>::deserialize(deserializer)?;
        Ok(keys.into_iter().map(|key| (key, RoaringBitmap::new())).collect())
    }
}
