//! One step of the table, before anything is written: which events are taken, and whose rows they change.

use eventstore::{EventStore, Filter};

use super::NAME;
use super::planes::Planes;
use super::write::Changes;
use crate::concern::concerned;
use crate::error::Error;
use crate::stored::Stored;

/// How many events are taken in one transaction.
const PAGE: usize = 64;
/// How many rows may change in one transaction, give or take the last event: a fraction of a second.
const ROWS: u64 = 1 << 18;

/// The next events of the log, folded.
pub(super) struct Taken {
    pub(super) after: Stored,
    pub(super) changes: Changes,
    /// How many events it was.
    pub(super) progress: u64,
}

/// Takes the next events of the log, as many as change some hundred thousand rows.
pub(super) async fn take(log: &dyn EventStore, before: &Stored) -> Result<Taken, Error> {
    let page = log.read_all(before.checkpoint.position, &Filter::default(), PAGE).await;
    let page = page.map_err(|error| Error::reading(NAME, error))?;
    let mut taken = Taken { after: before.clone(), changes: Changes::default(), progress: 0 };
    for event in &page.events {
        let fact = match event.fact() {
            Ok(fact) => fact,
            // What comes before it is taken first.
            Err(_) if taken.progress > 0 => break,
            Err(error) => return Err(Error::reading(NAME, error)),
        };
        match concerned(&fact.event) {
            Some(these) => {
                let then = Planes::of(&taken.after.state, &these);
                taken.after.evolve(&fact);
                let rows = then.differ(&Planes::of(&taken.after.state, &these));
                taken.changes.add(fact.position, rows);
            }
            None => taken.after.evolve(&fact),
        }
        taken.progress += 1;
        if taken.changes.rows() >= ROWS {
            break;
        }
    }
    Ok(taken)
}
