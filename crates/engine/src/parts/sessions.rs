//! Ends open sessions when access closes: follows the log, and runs a command.
//!
//! Invariants: the log records the outcome before a session is ended here, and no failure here
//! changes it; the checkpoint moves only after the command succeeded, so a failed batch is
//! repeated, also after a restart. Repeating it is harmless: a holder with access logs in again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Capability, Event};
use eventstore::{EventStore, Filter, Journal};
use registry::Registry;
use roaring::RoaringBitmap;
use workers::OpenSessions;

use super::{Context, Part, Progress};
use crate::Error;

/// The subscription that holds the checkpoint.
const SUBSCRIPTION: &str = "sessions";
/// Events read at a time; one may cover 65,536 mailboxes.
const PAGE: usize = 16;
/// Addresses per run of the command.
const BATCH: usize = 10_000;
/// Longer than a batch may take.
const LEASE: Duration = Duration::from_mins(5);

pub(super) async fn build(context: &Context) -> Result<Option<Sessions>, Error> {
    let Some(command) = context.settings.sessions.clone() else { return Ok(None) };
    let registry = Arc::clone(context.store.registry().await?);
    let journal = Arc::clone(context.journal());
    Ok(Some(Sessions::new(journal, registry, Arc::new(command), context.owner())))
}

/// Follows the log's closed accesses.
pub struct Sessions {
    journal: Arc<Journal>,
    registry: Arc<Registry>,
    open: Arc<dyn OpenSessions>,
    owner: String,
}

impl Sessions {
    /// From the subscription's checkpoint. `owner` is unique to this process.
    pub fn new(
        journal: Arc<Journal>,
        registry: Arc<Registry>,
        open: Arc<dyn OpenSessions>,
        owner: String,
    ) -> Self {
        Self { journal, registry, open, owner }
    }

    /// The mailboxes of an event whose access has closed and was not restored since.
    async fn closed(&self, event: Event) -> Result<RoaringBitmap, Error> {
        let Event::AccessClosed(outcome) = event else { return Ok(RoaringBitmap::new()) };
        let snapshot = self.journal.state().await?;
        Ok(&*outcome.mailboxes - snapshot.rights.open(Capability::Access))
    }
}

#[async_trait]
impl Part for Sessions {
    /// Claims the lease of the part again, for as long as a batch may take.
    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error> {
        let log: &Arc<dyn EventStore> = self.journal.store();
        let Some(lease) = log.claim(SUBSCRIPTION, &self.owner, LEASE).await? else {
            let again = TimeDelta::from_std(LEASE).unwrap_or(TimeDelta::MAX);
            return Ok(Progress::idle(now.checked_add_signed(again)));
        };
        let filter = Filter { categories: vec!["outcome".to_owned()] };
        let page = log.read_all(lease.checkpoint, &filter, PAGE).await?;
        if page.events.is_empty() {
            return Ok(Progress::idle(None));
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
            tracing::info!(mailboxes = ended, "sessions of closed mailboxes ended");
        }
        Ok(Progress { done: 1, ..Progress::idle(None) })
    }
}
