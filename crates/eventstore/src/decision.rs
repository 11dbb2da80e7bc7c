//! The decision loop: decide on the current state, append at the version that was read before it,
//! and decide again where another writer was faster. Every decision of the product goes through it.

use chrono::{DateTime, Utc};
use domain::Event;

use crate::{
    Append, Appended, Error, ExpectedVersion, Journal, NewEvent, Origin, Snapshot, StreamName,
};

/// How many writers in a row may be faster; each of them got something done.
const ATTEMPTS: usize = 64;

/// The stream that a decision is appended to, and the other streams that it depends on.
#[derive(Debug, Clone)]
pub struct Decision {
    stream: StreamName,
    others: Vec<StreamName>,
}

impl Decision {
    /// A decision that depends on the stream it is appended to.
    pub fn on(stream: StreamName) -> Self {
        Self { stream, others: Vec::new() }
    }

    /// The same decision, repeated also when another stream has grown meanwhile.
    #[must_use]
    pub fn depends_on(mut self, other: StreamName) -> Self {
        self.others.push(other);
        self
    }
}

impl From<&StreamName> for Decision {
    fn from(stream: &StreamName) -> Self {
        Self::on(stream.clone())
    }
}

/// What a decision results in: events, some with an instant of their own.
pub trait Decided: Send {
    /// The event.
    fn event(&self) -> &Event;

    /// When it takes effect.
    fn effective_at(&self, decided_at: DateTime<Utc>) -> DateTime<Utc>;
}

impl Decided for Event {
    fn event(&self) -> &Event {
        self
    }

    fn effective_at(&self, decided_at: DateTime<Utc>) -> DateTime<Utc> {
        decided_at
    }
}

impl Decided for (Event, DateTime<Utc>) {
    fn event(&self) -> &Event {
        &self.0
    }

    fn effective_at(&self, _decided_at: DateTime<Utc>) -> DateTime<Utc> {
        self.1
    }
}

impl Journal {
    /// Decides and appends. Returns the events and their places; without events, nothing is
    /// appended.
    pub async fn decide<D: Decided, E: From<Error>>(
        &self,
        on: &Decision,
        origin: &Origin,
        decide: impl FnMut(&Snapshot<'_>, DateTime<Utc>) -> Result<Vec<D>, E>,
    ) -> Result<(Vec<D>, Appended), E> {
        self.decide_as(on, decide, |events, now| {
            let written = |it: &D| self.new_event(it.event(), it.effective_at(now), origin);
            events.iter().map(written).collect()
        })
        .await
    }

    /// The same, with a custom encoding of events: for instance with ids derived from a command.
    pub async fn decide_as<D, E: From<Error>>(
        &self,
        on: &Decision,
        mut decide: impl FnMut(&Snapshot<'_>, DateTime<Utc>) -> Result<Vec<D>, E>,
        write: impl Fn(&[D], DateTime<Utc>) -> Result<Vec<NewEvent>, Error>,
    ) -> Result<(Vec<D>, Appended), E> {
        let mut attempts = 0;
        loop {
            // Read before the state: whatever is written from here on makes the append a conflict.
            let expected = self.versions_of(on).await?;
            let now = self.now();
            let events = decide(&self.state().await?, now)?;
            if events.is_empty() {
                return Ok((events, Appended::default()));
            }
            attempts += 1;
            let written = write(&events, now)?.into_iter();
            let append = Append {
                expected,
                events: written.map(|event| (on.stream.clone(), event)).collect(),
            };
            match self.store().append(append).await {
                Ok(appended) => return Ok((events, appended)),
                Err(Error::Conflict(_)) if attempts < ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn versions_of(
        &self,
        on: &Decision,
    ) -> Result<Vec<(StreamName, ExpectedVersion)>, Error> {
        let mut versions = Vec::with_capacity(1 + on.others.len());
        for stream in std::iter::once(&on.stream).chain(&on.others) {
            versions.push((stream.clone(), self.version_of(stream).await?));
        }
        Ok(versions)
    }
}
