//! A log, and its relay.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{EventMirror, Mirrored};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use domain::{Event, MailboxSet, Outcome, ProgrammeId, RegistryImported, Verdict};
use eventstore::{
    Append, Clock, EventStore, ExpectedVersion, Journal, MemoryStore, Origin, outcome_stream,
    registry_stream,
};
use projections::{Expand, Relay, RelaySettings};

pub(crate) const TTL: Duration = Duration::from_secs(30);

pub(crate) struct Hand(Mutex<DateTime<Utc>>);

impl Clock for Hand {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

pub(crate) struct Log {
    pub(crate) store: Arc<MemoryStore>,
    hand: Arc<Hand>,
    journal: Journal,
}

impl Log {
    pub(crate) fn empty(programme: ProgrammeId) -> Self {
        let start = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap();
        let hand = Arc::new(Hand(Mutex::new(start)));
        let clock: Arc<dyn Clock> = hand.clone();
        let store = Arc::new(MemoryStore::new(Arc::clone(&clock)));
        let state = domain::State::default();
        let journal = Journal::new(programme, store.clone(), clock, state, 0);
        Self { store, hand, journal }
    }

    /// A log with this many events without mailboxes.
    pub(crate) async fn with(programme: ProgrammeId, events: u64) -> Self {
        let log = Self::empty(programme);
        log.append(events).await;
        log
    }

    pub(crate) async fn append(&self, events: u64) {
        let imported = |read| {
            let sha256 = "0".repeat(64);
            let (accepted, unchanged, changed, rejected) = (read, 0, 0, 0);
            Event::RegistryImported(RegistryImported {
                sha256,
                read,
                accepted,
                unchanged,
                changed,
                rejected,
            })
        };
        let stream = registry_stream(self.journal.programme()).unwrap();
        let events: Vec<_> = (0..events).map(imported).collect();
        let origin = Origin::part("test");
        let now = self.journal.now();
        let new = |event| self.journal.new_event(event, now, &origin).unwrap();
        let events = events.iter().map(new).collect();
        self.store.append(Append::to(stream, ExpectedVersion::Any, events)).await.unwrap();
    }

    /// An outcome for these mailboxes.
    pub(crate) async fn append_outcome(&self, mailboxes: impl IntoIterator<Item = u32>) {
        let due_at = self.journal.now();
        let mailboxes = MailboxSet::from_iter(mailboxes);
        let (phase, verdict) = (None, Verdict::Applied);
        let outcome = Outcome { phase, revision: 1, due_at, verdict, mailboxes };
        let stream = outcome_stream(self.journal.programme(), None).unwrap();
        let events = [Event::SendingDisabled(outcome)];
        let origin = Origin::part("test");
        self.journal.append(stream, ExpectedVersion::Any, &events, &origin).await.unwrap();
    }

    pub(crate) fn advance(&self, by: Duration) {
        *self.hand.0.lock().unwrap() += TimeDelta::from_std(by).unwrap();
    }

    pub(crate) fn relay(&self, mirror: &Arc<dyn EventMirror>, settings: RelaySettings) -> Relay {
        let programme = self.journal.programme().clone();
        Relay::new(self.store.clone(), Arc::clone(mirror), programme, settings)
    }
}

pub(crate) fn programme() -> ProgrammeId {
    "cec-pac".parse().unwrap()
}

pub(crate) fn settings(owner: &str) -> RelaySettings {
    RelaySettings { owner: owner.into(), lease_ttl: TTL, page: 7, expand: Expand::No }
}

/// Ticks until nothing is left; returns the number of messages.
pub(crate) async fn catch_up(relay: &Relay) -> u64 {
    let mut messages = 0;
    loop {
        match relay.tick().await.unwrap().progress {
            0 => return messages,
            more => messages += more,
        }
    }
}

pub(crate) fn positions(messages: &[Mirrored]) -> Vec<u64> {
    let position = |each: &Mirrored| each.event.extensions["position"].parse().unwrap();
    messages.iter().map(position).collect()
}
