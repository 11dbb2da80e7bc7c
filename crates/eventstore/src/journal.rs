//! The log of one programme as domain events and domain state.

use std::ops::Deref;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Event, Fact, ProgrammeId, State};
use tokio::sync::{Mutex, MutexGuard};
use uuid::{ContextV7, Timestamp, Uuid};

use crate::{
    Append, Appended, Clock, Direction, Error, EventStore, ExpectedVersion, Fold, Follower,
    NewEvent, RecordedEvent, StreamName,
};

/// Who appends, why, and what caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who: `operator:anna`, `scheduler`, `worker`.
    pub actor: String,
    /// The reason given by the operator.
    pub reason: Option<String>,
    /// The chain of events it belongs to; `None` starts a new one.
    pub correlation_id: Option<Uuid>,
    /// The event that directly caused it.
    pub causation_id: Option<Uuid>,
}

impl Origin {
    /// A part of the engine.
    pub fn part(name: &str) -> Self {
        let actor = name.to_owned();
        Self { actor, reason: None, correlation_id: None, causation_id: None }
    }

    /// The same, as the consequence of an event.
    #[must_use]
    pub fn caused_by(mut self, correlation_id: Uuid, event: Uuid) -> Self {
        self.correlation_id = Some(correlation_id);
        self.causation_id = Some(event);
        self
    }
}

impl RecordedEvent {
    /// Decodes the event. An unknown kind, a newer schema version and a payload of another shape
    /// are errors that name the event.
    pub fn fact(&self) -> Result<Fact, Error> {
        let NewEvent { id, kind, schema_version, effective_at, payload, .. } = &self.event;
        let event = Event::decode(kind, *schema_version, payload).map_err(|problem| {
            Error::Undecodable {
                position: self.position,
                kind: kind.clone(),
                schema_version: *schema_version,
                problem: problem.to_string(),
            }
        })?;
        let (position, recorded_at) = (self.position, self.recorded_at);
        Ok(Fact { position, id: *id, effective_at: *effective_at, recorded_at, event })
    }
}

impl Fold for State {
    fn apply(&mut self, event: &RecordedEvent) -> Result<(), Error> {
        self.evolve(&event.fact()?);
        Ok(())
    }
}

/// The state at one position of the log. Until it is dropped, no other caller reads the state of
/// this [`Journal`].
pub struct Snapshot<'a>(MutexGuard<'a, Follower<State>>);

impl Snapshot<'_> {
    /// The position of the last event in it.
    pub fn position(&self) -> u64 {
        self.0.position()
    }
}

impl Deref for Snapshot<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.0.state()
    }
}

/// The log of one programme: domain events are appended to it and domain state is folded from it.
///
/// All parts of a process share one, so that each sees what any of them wrote.
pub struct Journal {
    programme: ProgrammeId,
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    state: Mutex<Follower<State>>,
    ids: std::sync::Mutex<ContextV7>,
}

impl Journal {
    /// Opens a programme's log with the state of it that was folded up to `position`.
    pub fn new(
        programme: ProgrammeId,
        store: Arc<dyn EventStore>,
        clock: Arc<dyn Clock>,
        state: State,
        position: u64,
    ) -> Self {
        let state = Mutex::new(Follower::new(Arc::clone(&store), state, position));
        Self { programme, store, clock, state, ids: std::sync::Mutex::new(ContextV7::new()) }
    }

    /// The current state: the log folded to its end.
    pub async fn state(&self) -> Result<Snapshot<'_>, Error> {
        let mut follower = self.state.lock().await;
        follower.catch_up().await?;
        Ok(Snapshot(follower))
    }

    /// The programme.
    pub fn programme(&self) -> &ProgrammeId {
        &self.programme
    }

    /// The store beneath.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    /// The journal's clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The current instant of the journal's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A new id that grows with time (UUID version 7), for events and for orders.
    pub fn new_id(&self) -> Uuid {
        let now = self.clock.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        let ids = self.ids.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Uuid::new_v7(Timestamp::from_unix(&*ids, seconds, now.timestamp_subsec_nanos()))
    }

    /// An event ready to append, with a new id.
    pub fn new_event(
        &self,
        event: &Event,
        effective_at: DateTime<Utc>,
        origin: &Origin,
    ) -> Result<NewEvent, Error> {
        let (kind, schema_version) = event.kind();
        let payload =
            event.payload().map_err(|problem| Error::InvalidAppend(problem.to_string()))?;
        let id = self.new_id();
        Ok(NewEvent {
            id,
            kind: kind.to_owned(),
            schema_version,
            effective_at,
            actor: origin.actor.clone(),
            reason: origin.reason.clone(),
            correlation_id: origin.correlation_id.unwrap_or(id),
            causation_id: origin.causation_id,
            payload,
        })
    }

    /// Appends events that take effect now to one stream.
    pub async fn append(
        &self,
        stream: StreamName,
        expected: ExpectedVersion,
        events: &[Event],
        origin: &Origin,
    ) -> Result<Appended, Error> {
        let now = self.now();
        let events: Result<Vec<_>, _> =
            events.iter().map(|event| self.new_event(event, now, origin)).collect();
        self.store.append(Append::to(stream, expected, events?)).await
    }

    /// The current version of a stream, as an expectation.
    pub async fn version_of(&self, stream: &StreamName) -> Result<ExpectedVersion, Error> {
        Ok(version(self.last_of(stream).await?.as_ref()))
    }

    /// The version of a stream for a decision on the state at a position of the log; `None` where
    /// the stream has grown since.
    pub async fn version_at(
        &self,
        stream: &StreamName,
        position: u64,
    ) -> Result<Option<ExpectedVersion>, Error> {
        let last = self.last_of(stream).await?;
        let grown = last.as_ref().is_some_and(|last| last.position > position);
        Ok((!grown).then(|| version(last.as_ref())))
    }

    async fn last_of(&self, stream: &StreamName) -> Result<Option<RecordedEvent>, Error> {
        match self.store.read_stream(stream, u64::MAX, Direction::Backwards, 1).await {
            Err(Error::StreamNotFound(_)) => Ok(None),
            last => Ok(last?.into_iter().next()),
        }
    }
}

fn version(last: Option<&RecordedEvent>) -> ExpectedVersion {
    last.map_or(ExpectedVersion::NoStream, |last| ExpectedVersion::Exact(last.version))
}
