//! The history of one mailbox, and any state of the past.
//!
//! A mailbox's history is its own stream merged by position with the set events that contain it:
//! found by number range in the index of [`Sets`], then by membership. Invariant: a history is
//! complete up to the end of the log; events beyond the index are scanned. Deliberately absent:
//! names and addresses.

use std::sync::Arc;

use domain::{Fact, Mailbox, ProgrammeId, State};
use eventstore::{Direction, EventStore, Filter, RecordedEvent, StreamName, mailbox_stream};
use serde::Serialize;
use uuid::Uuid;

use crate::as_of::{Cutoff, PopulationAsOf};
use crate::current::mailbox_now;
use crate::error::Error;
use crate::sets::Sets;

const NAME: &str = "history";
/// Events per read.
const PAGE: usize = 256;

/// One event in the history of a mailbox, with its actor and reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What happened.
    pub fact: Fact,
    /// Its metadata.
    pub origin: Recorded,
}

/// The metadata of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// The stream it was written to.
    pub stream: String,
    /// Its actor.
    pub actor: String,
    /// The operator's reason.
    pub reason: Option<String>,
    /// The correlation id.
    pub correlation_id: Uuid,
    /// The event that directly caused it.
    pub causation_id: Option<Uuid>,
}

/// Reads the past from the log.
#[derive(Clone)]
pub struct History {
    programme: ProgrammeId,
    log: Arc<dyn EventStore>,
    sets: Arc<Sets>,
}

impl History {
    /// The history of the programme whose log the sets are derived from.
    pub fn new(programme: ProgrammeId, log: Arc<dyn EventStore>, sets: Arc<Sets>) -> Self {
        Self { programme, log, sets }
    }

    /// Every event that concerns a mailbox, in the order of the log. Empty for an unknown mailbox.
    pub async fn history(&self, number: u32) -> Result<Vec<Entry>, Error> {
        let (candidates, index_ends_at) = self.sets.candidates(number).await?;
        let mut found = self.own(&mailbox_stream(&self.programme, number)?).await?;
        for position in candidates {
            let page = self.read(position.saturating_sub(1), 1).await?;
            found.extend(page.events.into_iter().filter(|event| event.position == position));
        }
        self.tail(index_ends_at, &mut found).await?;
        found.sort_unstable_by_key(|event| event.position);
        found.dedup_by_key(|event| event.position);
        let mut entries = Vec::new();
        for event in found {
            let fact = event.fact().map_err(|error| Error::reading(NAME, error))?;
            if fact.event.subjects().contains(number) {
                entries.push(Entry { fact, origin: Recorded::of(event) });
            }
        }
        Ok(entries)
    }

    /// A mailbox as of a cutoff, and the events it was folded from.
    pub async fn mailbox_as_of(
        &self,
        number: u32,
        cutoff: Cutoff,
    ) -> Result<(Mailbox, Vec<Entry>), Error> {
        let mut entries = self.history(number).await?;
        entries.retain(|entry| cutoff.takes(&entry.fact));
        let mut past = PopulationAsOf::new(cutoff);
        for entry in &entries {
            past.apply(&entry.fact);
        }
        entries.retain(|entry| past.counts(&entry.fact, number));
        Ok((mailbox_now(&past.into_state(), number), entries))
    }

    /// The whole population, its phases and its incidents as of a cutoff.
    pub async fn population_as_of(&self, cutoff: Cutoff) -> Result<State, Error> {
        let mut population = PopulationAsOf::new(cutoff);
        let mut position = 0;
        loop {
            let page = self.read(position, PAGE).await?;
            for event in &page.events {
                // Recording times never decrease, so no later event counts.
                if event.recorded_at > cutoff.known_at {
                    return Ok(population.into_state());
                }
                population.apply(&event.fact().map_err(|error| Error::reading(NAME, error))?);
            }
            if page.read_to >= page.head {
                return Ok(population.into_state());
            }
            position = page.read_to;
        }
    }

    async fn read(&self, after: u64, limit: usize) -> Result<eventstore::Page, Error> {
        let page = self.log.read_all(after, &Filter::default(), limit).await;
        page.map_err(|error| Error::reading(NAME, error))
    }

    async fn own(&self, stream: &StreamName) -> Result<Vec<RecordedEvent>, Error> {
        match self.log.read_stream(stream, 0, Direction::Forwards, usize::MAX).await {
            Err(eventstore::Error::StreamNotFound(_)) => Ok(Vec::new()),
            events => Ok(events?),
        }
    }

    async fn tail(&self, mut after: u64, found: &mut Vec<RecordedEvent>) -> Result<(), Error> {
        loop {
            let page = self.read(after, PAGE).await?;
            found.extend(page.events);
            if page.read_to >= page.head {
                return Ok(());
            }
            after = page.read_to;
        }
    }
}

impl Recorded {
    fn of(event: RecordedEvent) -> Self {
        let RecordedEvent { stream, event, .. } = event;
        Self {
            stream: stream.to_string(),
            actor: event.actor,
            reason: event.reason,
            correlation_id: event.correlation_id,
            causation_id: event.causation_id,
        }
    }
}
