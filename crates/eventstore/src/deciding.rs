//! The loop that a decision goes through: made on what is known, appended at the version it was made at, and made
//! again where somebody else was faster.

use chrono::{DateTime, Utc};
use domain::{Event, State};

use crate::{
    Append, Appended, Error, ExpectedVersion, Journal, NewEvent, OnConflict, Origin, StreamName,
};

/// So many others in a row may be faster; each of them got something done.
const ATTEMPTS: usize = 64;

/// Where a decision is appended, and what else it is made on.
#[derive(Debug, Clone)]
pub struct Deciding {
    stream: StreamName,
    beside: Vec<StreamName>,
}

impl Deciding {
    /// What is appended to one stream, and made on that stream alone.
    pub fn on(stream: StreamName) -> Self {
        Self { stream, beside: Vec::new() }
    }

    /// The same, made on another stream too: where that one has grown meanwhile, the decision is made again.
    #[must_use]
    pub fn beside(mut self, other: StreamName) -> Self {
        self.beside.push(other);
        self
    }
}

impl From<&StreamName> for Deciding {
    fn from(stream: &StreamName) -> Self {
        Self::on(stream.clone())
    }
}

impl Journal {
    /// Decides and appends. Answers with the events, and with where they came to stand; with no event, nothing
    /// is appended.
    pub async fn decide<E: From<Error>>(
        &self,
        on: &Deciding,
        origin: &Origin,
        decide: impl Fn(&State, DateTime<Utc>) -> Result<Vec<Event>, E>,
    ) -> Result<(Vec<Event>, Appended), E> {
        self.decide_as(on, decide, |events, now| {
            events.iter().map(|event| self.written(event, now, origin)).collect()
        })
        .await
    }

    /// The same, where what is appended is not written as usual: its ids follow from a command, say.
    pub async fn decide_as<E: From<Error>>(
        &self,
        on: &Deciding,
        decide: impl Fn(&State, DateTime<Utc>) -> Result<Vec<Event>, E>,
        write: impl Fn(&[Event], DateTime<Utc>) -> Result<Vec<NewEvent>, Error>,
    ) -> Result<(Vec<Event>, Appended), E> {
        let mut attempts = 0;
        loop {
            // Before the state: whatever is written after this look makes the append a conflict.
            let expected = self.versions_of(on).await?;
            let now = self.now();
            let events = decide(self.known().await?.state(), now)?;
            if events.is_empty() {
                return Ok((events, Appended::default()));
            }
            attempts += 1;
            let written = write(&events, now)?.into_iter();
            let append = Append {
                expected,
                events: written.map(|event| (on.stream.clone(), event)).collect(),
                on_conflict: OnConflict::RefuseAll,
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
        on: &Deciding,
    ) -> Result<Vec<(StreamName, ExpectedVersion)>, Error> {
        let mut versions = Vec::with_capacity(1 + on.beside.len());
        for stream in std::iter::once(&on.stream).chain(&on.beside) {
            versions.push((stream.clone(), self.version_of(stream).await?));
        }
        Ok(versions)
    }
}
