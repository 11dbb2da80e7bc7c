//! The one way in which an action decides and appends.

use chrono::{DateTime, NaiveDate, Utc};
use domain::{Event, State, civil_date};
use eventstore::{Decision, NewEvent, Origin, StreamName};
use futures::future::BoxFuture;

use super::{At, Caller, IdempotencyKey};
use crate::Error;
use crate::store::Store;

/// The events of a decision, now or the first time it was made.
pub struct Decided {
    /// The events; none where there was nothing to decide.
    pub events: Vec<Event>,
    /// The log holds them up to this position.
    pub position: u64,
}

impl Decided {
    /// The result of an action that led to this.
    pub(super) fn with<T>(self, result: T) -> At<T> {
        At { result, position: self.position }
    }

    /// Refuses a key under which another action was carried out.
    pub(super) fn led_to(self, fits: impl Fn(&Event) -> bool) -> Result<Self, Error> {
        if self.events.iter().all(fits) { Ok(self) } else { Err(Error::KeyTaken) }
    }
}

/// The civil date in the plan's zone; in UTC before a plan is adopted.
pub(super) fn today(state: &State, now: DateTime<Utc>) -> NaiveDate {
    state.plan().map_or(now.date_naive(), |plan| civil_date(now, plan.zone))
}

/// How many mailboxes events about sets are about.
pub(super) fn touched(events: &[Event]) -> u64 {
    events.iter().filter_map(|event| event.subjects().into_set()).map(|set| set.len()).sum()
}

/// What an action decides on a state, at an instant.
type Decide<'a> = dyn Fn(&State, DateTime<Utc>) -> Result<Vec<Event>, Error> + Send + Sync + 'a;

impl Store {
    /// A result at the end of what this process has read of the log.
    pub(super) async fn at_end<T>(&self, result: T) -> Result<At<T>, Error> {
        Ok(At { result, position: self.journal().state().await?.position() })
    }

    /// Decides on the present state and appends the events to a stream. A call whose key was used
    /// before returns what it led to then.
    pub(crate) async fn decide(
        &self,
        caller: &Caller,
        stream: StreamName,
        decide: impl Fn(&State, DateTime<Utc>) -> Result<Vec<Event>, Error> + Send + Sync,
    ) -> Result<Decided, Error> {
        self.decide_on(caller, stream.clone(), &Decision::on(stream), decide).await
    }

    /// The same for a decision that is made on other streams too; `stream` is the one it is
    /// appended to.
    pub(crate) async fn decide_on(
        &self,
        caller: &Caller,
        stream: StreamName,
        on: &Decision,
        decide: impl Fn(&State, DateTime<Utc>) -> Result<Vec<Event>, Error> + Send + Sync,
    ) -> Result<Decided, Error> {
        let Some(key) = &caller.key else {
            return self.append(&caller.origin(), None, on, &decide).await;
        };
        if let Some(before) = self.decided_before(&stream, key).await? {
            return Ok(before);
        }
        match self.append(&caller.origin(), Some(key), on, &decide).await {
            Ok(decided) => Ok(decided),
            // Another process may have carried out the same command at this very moment.
            Err(error) => self.decided_before(&stream, key).await?.ok_or(error),
        }
    }

    /// Decides and appends the events; with a key, their ids follow from it. Compiled once for all
    /// actions.
    pub(super) fn append<'a>(
        &'a self,
        origin: &'a Origin,
        key: Option<&'a IdempotencyKey>,
        on: &'a Decision,
        decide: &'a Decide<'a>,
    ) -> BoxFuture<'a, Result<Decided, Error>> {
        let appending = async move {
            let journal = self.journal();
            let write = |events: &[Event], now| self.new_events(events, now, origin, key);
            let (events, appended) =
                journal.decide_as(on, |snapshot, now| decide(snapshot, now), write).await?;
            let position = match appended.last_position() {
                Some(position) => position,
                None => journal.state().await?.position(),
            };
            Ok(Decided { events, position })
        };
        Box::pin(appending)
    }

    /// Events ready to append; with a key, their ids follow from it.
    pub(super) fn new_events(
        &self,
        events: &[Event],
        now: DateTime<Utc>,
        origin: &Origin,
        key: Option<&IdempotencyKey>,
    ) -> Result<Vec<NewEvent>, eventstore::Error> {
        let events = events.iter().enumerate().map(|(index, event)| {
            let mut event = self.journal().new_event(event, now, origin)?;
            if let Some(key) = key {
                event.id = key.id(&index.to_string());
                event.correlation_id = origin.correlation_id.unwrap_or(event.id);
            }
            Ok(event)
        });
        events.collect()
    }

    /// What a command with this key led to, if it was carried out.
    pub(super) async fn decided_before(
        &self,
        stream: &StreamName,
        key: &IdempotencyKey,
    ) -> Result<Option<Decided>, Error> {
        let mut decided: Option<Decided> = None;
        for index in 0_u32.. {
            let Some(found) = self.log().find(key.id(&index.to_string())).await? else { break };
            if found.stream != *stream {
                return Err(Error::KeyTaken);
            }
            let events = decided.get_or_insert(Decided { events: Vec::new(), position: 0 });
            events.events.push(found.fact()?.event);
            events.position = found.position;
        }
        Ok(decided)
    }
}
