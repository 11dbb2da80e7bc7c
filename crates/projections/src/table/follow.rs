//! One step of the table, before anything is written: which events are processed, and whose rows
//! they change.

use eventstore::{EventStore, Filter};

use super::NAME;
use super::planes::Planes;
use super::write::Changes;
use crate::error::Error;
use crate::stored::Stored;

/// Events per read.
const PAGE: usize = 64;

/// The limits of one transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Changed rows, approximately.
    rows: u64,
    /// Bytes of the sets of changed rows, while the table is empty.
    bytes: usize,
    /// The position of the last event.
    last: u64,
}

impl Bounds {
    /// The same, and no event after a position.
    pub(super) fn up_to(self, last: u64) -> Self {
        Self { last, ..self }
    }
}

/// A fraction of a second of writing; for a table built from nothing, whose rows are written once
/// in their final state, several times the need of the longest programme.
pub(super) const BOUNDS: Bounds = Bounds { rows: 1 << 18, bytes: 1 << 26, last: u64::MAX };

/// The next events of the log, folded.
pub(super) struct Taken {
    pub(super) after: Stored,
    pub(super) changes: Changes,
    /// Their number.
    pub(super) progress: u64,
}

/// Reads the next events of the log: a page of them, or until the limit of changed rows. While the
/// table is empty, all events, as long as they fit into memory.
pub(super) async fn take(
    log: &dyn EventStore,
    before: &Stored,
    bounds: Bounds,
) -> Result<Taken, Error> {
    let mut taken = Taken { after: before.clone(), changes: Changes::default(), progress: 0 };
    let from_nothing = before.state.rights.registered.is_empty();
    loop {
        let more = page(log, &mut taken, from_nothing, bounds).await?;
        if !(more && from_nothing) {
            return Ok(taken);
        }
    }
}

/// Reads a page; false if it was the last, or reached the limit.
async fn page(
    log: &dyn EventStore,
    taken: &mut Taken,
    from_nothing: bool,
    bounds: Bounds,
) -> Result<bool, Error> {
    let after = taken.after.checkpoint.position;
    let page = log.read_all(after, &Filter::default(), PAGE).await;
    let page = page.map_err(|error| Error::reading(NAME, error))?;
    for event in &page.events {
        let fact = match event.fact() {
            Ok(fact) => fact,
            // The events before it are processed first.
            Err(_) if taken.progress > 0 => return Ok(false),
            Err(error) => return Err(Error::reading(NAME, error)),
        };
        match fact.event.subjects().into_set() {
            Some(these) => {
                let then = Planes::of(&taken.after.state, &these);
                taken.after.evolve(&fact);
                let rows = then.differ(&Planes::of(&taken.after.state, &these));
                taken.changes.add(fact.position, rows);
            }
            None => taken.after.evolve(&fact),
        }
        taken.progress += 1;
        let changes = &taken.changes;
        let full = if from_nothing {
            changes.bytes() >= bounds.bytes
        } else {
            changes.rows() >= bounds.rows
        };
        if full || fact.position >= bounds.last {
            return Ok(false);
        }
    }
    Ok(!page.events.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{DateTime, Utc};
    use domain::{DateColumn, Event, MailboxesRegistered, ProgrammeId};
    use eventstore::{
        Append, Clock, ExpectedVersion, Journal, MemoryStore, Origin, registry_stream,
    };

    use super::*;

    struct Noon;

    impl Clock for Noon {
        fn now(&self) -> DateTime<Utc> {
            "2014-12-17T11:00:00Z".parse().unwrap()
        }
    }

    /// A log of so many events, with ten registrations each.
    async fn log(events: u32) -> MemoryStore {
        let log = Arc::new(MemoryStore::new(Arc::new(Noon)));
        let programme: ProgrammeId = "cec-pac".parse().unwrap();
        let (store, clock) = (log.clone(), Arc::new(Noon));
        let state = domain::State::default();
        let journal = Journal::new(programme.clone(), store, clock, state, 0);
        for event in 0..events {
            let (mut requested_on, mut activated_on) = (DateColumn::new(), DateColumn::new());
            for _ in 0..10 {
                requested_on.push(Some("2012-02-03".parse().unwrap())).unwrap();
                activated_on.push(None).unwrap();
            }
            let first = event * 10;
            let event = MailboxesRegistered { first, requested_on, activated_on };
            let event = Event::MailboxesRegistered(event);
            let event = journal.new_event(&event, Noon.now(), &Origin::part("test")).unwrap();
            let stream = registry_stream(&programme).unwrap();
            log.append(Append::to(stream, ExpectedVersion::Any, vec![event])).await.unwrap();
        }
        drop(journal);
        Arc::into_inner(log).unwrap()
    }

    #[tokio::test]
    async fn from_nothing_it_takes_all_that_fits_into_memory_and_then_by_rows() {
        let log = log(200).await;
        let nothing = Stored::default();
        let all = take(&log, &nothing, Bounds { rows: 1, bytes: 1 << 20, ..BOUNDS }).await.unwrap();
        assert_eq!((all.progress, all.changes.rows()), (200, 2_000));
        let narrow = Bounds { rows: 25, bytes: 1, ..BOUNDS };
        let little = take(&log, &nothing, narrow).await.unwrap();
        assert_eq!((little.progress, little.changes.rows()), (1, 10), "by memory");
        let next = take(&log, &little.after, narrow).await.unwrap();
        assert_eq!((next.progress, next.changes.rows()), (3, 30), "by rows");
        let page = take(&log, &next.after, BOUNDS).await.unwrap();
        assert_eq!(page.progress, 64, "a page");
        let some = take(&log, &nothing, BOUNDS.up_to(70)).await.unwrap();
        assert_eq!((some.progress, some.after.checkpoint.position), (70, 70), "by position");
    }
}
