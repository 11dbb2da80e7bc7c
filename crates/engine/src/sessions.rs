//! Ends the sessions of those whose access has closed: follows the log, and has a command do it.
//!
//! Invariants: what happened is in the log before anything is done here, and no failure here changes it; the
//! checkpoint moves only once a command has ended well, so what failed is done again, also after a restart. It
//! may be done twice, which ends nothing that should be open: who may log in again does.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::{Capability, Event, Tick};
use eventstore::{EventStore, Filter, Journal};
use registry::Registry;
use roaring::RoaringBitmap;
use workers::OpenSessions;

use crate::Error;
use crate::runner::Passes;

/// How far it has got is kept under this name.
const SUBSCRIPTION: &str = "sessions";
/// Events at a time; one may speak of 65,536 mailboxes.
const PAGE: usize = 16;
/// Addresses that one command is given.
const BATCH: usize = 10_000;
/// Longer than a batch may take.
const LEASE: Duration = Duration::from_mins(5);

/// Follows the log's closed accesses.
pub struct Sessions {
    journal: Arc<Journal>,
    registry: Arc<Registry>,
    open: Arc<dyn OpenSessions>,
    owner: String,
}

impl Sessions {
    /// From where the last one stopped. `owner` is this process's own name.
    pub fn new(
        journal: Arc<Journal>,
        registry: Arc<Registry>,
        open: Arc<dyn OpenSessions>,
        owner: String,
    ) -> Self {
        Self { journal, registry, open, owner }
    }

    /// Those of an event whose access has closed, and was not given back since.
    async fn closed(&self, event: Event) -> Result<RoaringBitmap, Error> {
        let Event::AccessClosed(outcome) = event else { return Ok(RoaringBitmap::new()) };
        let snapshot = self.journal.state().await?;
        Ok(&*outcome.mailboxes - snapshot.rights.open(Capability::Access))
    }
}

#[async_trait]
impl Passes for Sessions {
    async fn pass(&mut self) -> Result<Tick, Error> {
        let log: &Arc<dyn EventStore> = self.journal.store();
        let Some(lease) = log.claim(SUBSCRIPTION, &self.owner, LEASE).await? else {
            let again = TimeDelta::from_std(LEASE).unwrap_or(TimeDelta::MAX);
            let next_wake = self.journal.now().checked_add_signed(again);
            return Ok(Tick { progress: 0, next_wake });
        };
        let filter = Filter { categories: vec!["outcome".to_owned()] };
        let page = log.read_all(lease.checkpoint, &filter, PAGE).await?;
        if page.events.is_empty() {
            return Ok(Tick { progress: 0, next_wake: None });
        }
        let mut ended = 0;
        for event in &page.events {
            let closed = self.closed(event.fact()?.event).await?;
            let addresses = self.registry.addresses_of(&closed).await?;
            let addresses: Vec<String> =
                addresses.into_iter().map(|(_, address, _)| address).collect();
            for batch in addresses.chunks(BATCH) {
                self.open.end(batch).await?;
                ended += batch.len();
            }
        }
        log.save_checkpoint(&lease, page.read_to).await?;
        if ended > 0 {
            tracing::info!(
                mailboxes = ended,
                "no session is open any more where access has closed"
            );
        }
        Ok(Tick { progress: 1, next_wake: None })
    }
}
