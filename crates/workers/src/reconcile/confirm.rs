//! From the differences of one reading to recorded drift: a second reading, and no duplicates.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use domain::{
    Capability, Difference, DriftFound, DriftSettled, Event, Expectation, MailboxSet, Observation,
    State, expected,
};
use eventstore::{Origin, drift_stream};
use roaring::RoaringBitmap;

use super::Reconciler;
use crate::Error;

/// The most conflicts with concurrent comparisons before a range fails.
const MOST_CONFLICTS: u32 = 16;

type Drifting = BTreeMap<Capability, RoaringBitmap>;

impl Reconciler {
    /// Records new and settled drift of a range, and returns all drift in it.
    pub(super) async fn record_drift(
        &self,
        expectations: &[Expectation],
        seen: Observation<'_>,
        range: RangeInclusive<u32>,
        repair: bool,
        origin: &Origin,
    ) -> Result<Drifting, Error> {
        let found: Vec<Difference> =
            expectations.iter().flat_map(|expectation| expectation.differences(seen)).collect();
        let sound = sound(expectations, seen, &found);
        let stream = drift_stream(self.journal.programme())?;
        let mut overtaken = 0;
        // Not the journal's decision loop: each attempt reads the platform again.
        loop {
            // Read before the state, so that a concurrent comparison causes a conflict.
            let version = self.journal.version_of(&stream).await?;
            let (again, compared_at) = {
                let snapshot = self.journal.state().await?;
                let quiet = found.is_empty() && settled(&snapshot, &sound).is_empty();
                if quiet {
                    return Ok(Drifting::new());
                }
                let now = self.journal.now();
                (expected(&snapshot, now, self.reach, range.clone()), snapshot.position())
            };
            let confirmed = self.confirm(&found, &again).await?;
            let events = {
                let snapshot = self.journal.state().await?;
                news(&snapshot, &confirmed, &sound, repair, compared_at)
            };
            if !events.is_empty() {
                match self.journal.append(stream.clone(), version, &events, origin).await {
                    Err(eventstore::Error::Conflict(_)) if overtaken < MOST_CONFLICTS => {
                        overtaken += 1;
                        continue;
                    }
                    appended => drop(appended?),
                }
            }
            let mut drifting = Drifting::new();
            for difference in confirmed {
                *drifting.entry(difference.capability).or_default() |= difference.mailboxes;
            }
            return Ok(drifting);
        }
    }

    /// The differences that a later state and a second reading of the platform confirm.
    async fn confirm(
        &self,
        found: &[Difference],
        again: &[Expectation],
    ) -> Result<Vec<Difference>, Error> {
        let those = found.iter().map(|difference| &difference.mailboxes);
        let those = MailboxSet::from(those.fold(RoaringBitmap::new(), |all, set| all | set));
        if those.is_empty() {
            return Ok(Vec::new());
        }
        let controls = self.reach.controls;
        let actual = self.platform.read(&those, controls).await?;
        let ends = self.platform.ends(&those, controls).await?;
        let seen = Observation { now: &actual.now, ends: &ends, unknown: &actual.unknown };
        // The second reading covers these mailboxes only.
        let again = again.iter().map(|one| one.clone().among(&those));
        let again: Vec<_> = again.flat_map(|one| one.differences(seen)).collect();
        let confirmed = found.iter().map(|difference| Difference {
            mailboxes: difference.confirmed_by(&again),
            ..difference.clone()
        });
        Ok(confirmed.filter(|difference| !difference.mailboxes.is_empty()).collect())
    }
}

/// The mailboxes without drift, by capability.
fn sound(expectations: &[Expectation], seen: Observation<'_>, found: &[Difference]) -> Drifting {
    let of = |expectation: &Expectation| {
        let mut sound = expectation.all_compared() - seen.unknown;
        for difference in found.iter().filter(|one| one.capability == expectation.capability) {
            sound -= &difference.mailboxes;
        }
        (expectation.capability, sound)
    };
    let answered = expectations.iter().filter(|one| seen.now.contains_key(&one.capability));
    answered.map(of).collect()
}

/// Open drift that no longer exists.
fn settled(state: &State, sound: &Drifting) -> Vec<Event> {
    let mut settled = Drifting::new();
    for open in &state.drift.open {
        if let Some(sound) = sound.get(&open.capability) {
            *settled.entry(open.capability).or_default() |= &open.mailboxes & sound;
        }
    }
    let some = settled.into_iter().filter(|(_, mailboxes)| !mailboxes.is_empty());
    let event = |(capability, mailboxes)| {
        Event::DriftSettled(DriftSettled { capability, mailboxes: MailboxSet::from(mailboxes) })
    };
    some.map(event).collect()
}

/// The events of a range: confirmed drift that is not open yet, and settled drift.
fn news(
    state: &State,
    confirmed: &[Difference],
    sound: &Drifting,
    repair: bool,
    compared_at: u64,
) -> Vec<Event> {
    let mut events = settled(state, sound);
    for difference in confirmed {
        let Difference { capability, expected, found, .. } = *difference;
        let known = state.drift.open.iter().filter(|open| {
            (open.capability, open.expected, open.found) == (capability, expected, found)
                && (open.repair || !repair)
        });
        let mailboxes =
            known.fold(difference.mailboxes.clone(), |news, open| news - &open.mailboxes);
        if !mailboxes.is_empty() {
            let mailboxes = MailboxSet::from(mailboxes);
            let found = DriftFound { capability, expected, found, compared_at, repair, mailboxes };
            events.push(Event::DriftFound(found));
        }
    }
    events
}
