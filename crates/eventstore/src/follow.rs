//! A state folded from the log in memory, brought up to date on demand.

use std::sync::Arc;

use crate::{Error, EventStore, Filter, RecordedEvent};

/// A state that is folded from events.
pub trait Fold: Send {
    /// Applies the next event of the log. An event that cannot be decoded is an error, and the
    /// follower stays before it.
    fn apply(&mut self, event: &RecordedEvent) -> Result<(), Error>;
}

/// A [`Fold`] and the position it was folded to.
pub struct Follower<F> {
    store: Arc<dyn EventStore>,
    position: u64,
    fold: F,
}

/// How many events a follower reads at a time: set events can hold some hundred kilobytes each.
const PAGE: usize = 256;

impl<F: Fold> Follower<F> {
    /// Starts from a state folded up to `position`.
    pub fn new(store: Arc<dyn EventStore>, fold: F, position: u64) -> Self {
        Self { store, position, fold }
    }

    /// Folds the events appended since; returns how many.
    pub async fn catch_up(&mut self) -> Result<usize, Error> {
        let mut seen = 0;
        loop {
            let page = self.store.read_all(self.position, &Filter::default(), PAGE).await?;
            for event in &page.events {
                self.fold.apply(event)?;
                self.position = event.position;
                seen += 1;
            }
            if page.read_to >= page.head {
                return Ok(seen);
            }
        }
    }

    /// The state as of [`Follower::position`].
    pub fn state(&self) -> &F {
        &self.fold
    }

    /// The position of the last event folded.
    pub fn position(&self) -> u64 {
        self.position
    }
}
