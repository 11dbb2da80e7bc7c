//! Dispatches orders for what the log wants and the platform lacks.
//!
//! The lease keeps the number of orders in flight within its limit: two sweeps would dispatch the
//! same work twice, which does no harm but doubles the load.

use std::sync::Arc;

use async_trait::async_trait;
use bus::WorkQueue;
use chrono::{DateTime, TimeDelta, Utc};
use domain::PlatformCapabilities;
use eventstore::Journal;
use workers::{Sweep as Sweeper, SweepSettings};

use super::{Context, Part, Progress};
use crate::Error;
use crate::provisioning::PendingMailboxes;

/// The interval at which pending mailboxes are checked again.
const PENDING_CHECK: TimeDelta = TimeDelta::milliseconds(200);

pub(super) async fn build(context: &Context) -> Result<Sweep, Error> {
    let platform = context.platform().await?;
    Ok(Sweep {
        journal: Arc::clone(context.journal()),
        queue: Arc::clone(&context.queue),
        reach: platform.reach,
        settings: context.settings.sweep,
        pending: context.gate(&platform),
        dispatcher: None,
    })
}

pub(super) struct Sweep {
    journal: Arc<Journal>,
    queue: Arc<dyn WorkQueue>,
    reach: PlatformCapabilities,
    settings: SweepSettings,
    pending: Option<PendingMailboxes>,
    /// What this process dispatched; stale once another process holds the lease.
    dispatcher: Option<Sweeper>,
}

#[async_trait]
impl Part for Sweep {
    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error> {
        if let Some(pending) = &self.pending
            && pending.any().await?
        {
            return Ok(Progress::idle(now.checked_add_signed(PENDING_CHECK)));
        }
        let sweep = self.dispatcher.get_or_insert_with(|| {
            let (journal, queue) = (Arc::clone(&self.journal), Arc::clone(&self.queue));
            Sweeper::new(journal, queue, self.reach, self.settings)
        });
        Ok(sweep.tick().await?.into())
    }

    fn lease_lost(&mut self) {
        self.dispatcher = None;
    }
}
