//! The event log, event by event, and following it.

use std::ops::ControlFlow;

use eventstore::{Filter, RecordedEvent};

use crate::Error;
use crate::store::Store;

/// How many events are read at a time: events about sets can hold some hundred kilobytes each.
const PAGE: usize = 64;

/// Which events are read.
#[derive(Debug, Clone, Default)]
pub struct EventsQuery {
    /// Only these kinds; empty for all.
    pub kinds: Vec<String>,
    /// Only these categories of streams; empty for all.
    pub categories: Vec<String>,
    /// Only those after this position.
    pub after: u64,
    /// No more than these.
    pub limit: Option<u64>,
    /// Only those that concern the mailbox of this number.
    pub mailbox: Option<u32>,
}

/// Takes events as they are read.
pub trait EventSink: Send {
    /// Takes one.
    fn event(&mut self, event: &RecordedEvent) -> Result<(), Error>;

    /// The end of the log is reached for now.
    fn caught_up(&mut self) -> Result<(), Error>;
}

impl EventsQuery {
    fn wants(&self, event: &RecordedEvent) -> bool {
        let category = event.stream.category();
        (self.kinds.is_empty() || self.kinds.contains(&event.event.kind))
            && (self.categories.is_empty() || self.categories.iter().any(|name| name == category))
    }
}

impl Store {
    /// Reads events up to the end of the log; with `follow`, goes on with those that are appended.
    /// A position beyond the end is refused.
    pub async fn events(
        &self,
        query: &EventsQuery,
        follow: bool,
        sink: &mut dyn EventSink,
    ) -> Result<(), Error> {
        let head = self.log().head().await?;
        if query.after > head {
            return Err(Error::Invalid(format!(
                "--after {} is beyond the end of the log ({head})",
                query.after
            )));
        }
        let mut reading = Reading { query, left: query.limit, position: query.after, sink };
        let mut appended = self.log().appended();
        loop {
            appended.borrow_and_update();
            let read = match query.mailbox {
                Some(number) => self.events_of(number, &mut reading).await?,
                None => self.all_events(&mut reading).await?,
            };
            reading.sink.caught_up()?;
            if !follow || read.is_break() || appended.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    async fn all_events(&self, reading: &mut Reading<'_>) -> Result<ControlFlow<()>, Error> {
        let filter = Filter { categories: reading.query.categories.clone() };
        loop {
            let page = self.log().read_all(reading.position, &filter, PAGE).await?;
            for event in &page.events {
                if reading.take(event)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            reading.position = page.read_to;
            if page.read_to >= page.head {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    /// The events of one mailbox: found by the index, then read one by one.
    async fn events_of(
        &self,
        number: u32,
        reading: &mut Reading<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        for entry in self.history().await?.history(number).await? {
            if entry.fact.position <= reading.position {
                continue;
            }
            reading.position = entry.fact.position;
            if let Some(event) = self.event_at(reading.position).await?
                && reading.take(&event)?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

struct Reading<'a> {
    query: &'a EventsQuery,
    left: Option<u64>,
    position: u64,
    sink: &'a mut dyn EventSink,
}

impl Reading<'_> {
    /// Passes an event on, if it is wanted; breaks once the limit is reached.
    fn take(&mut self, event: &RecordedEvent) -> Result<ControlFlow<()>, Error> {
        if self.left != Some(0) && self.query.wants(event) {
            self.left = self.left.map(|left| left - 1);
            self.sink.event(event)?;
        }
        Ok(if self.left == Some(0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}
