//! Compares the platform with the log, a range of mailboxes at a time.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use workers::Reconciler;

use super::{Context, Part, Progress};
use crate::Error;
use crate::provisioning::PendingMailboxes;

/// The interval at which pending mailboxes are checked again.
const PENDING_CHECK: TimeDelta = TimeDelta::seconds(1);

pub(super) async fn build(context: &Context) -> Result<Reconcile, Error> {
    let platform = context.platform().await?;
    let calls = Arc::clone(&platform.platform);
    let reconciler = Reconciler::new(Arc::clone(context.journal()), calls, platform.reach);
    Ok(Reconcile { reconciler, pending: context.gate(&platform) })
}

pub(super) struct Reconcile {
    reconciler: Reconciler,
    pending: Option<PendingMailboxes>,
}

#[async_trait]
impl Part for Reconcile {
    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error> {
        if let Some(pending) = &self.pending
            && pending.any().await?
        {
            return Ok(Progress::idle(now.checked_add_signed(PENDING_CHECK)));
        }
        Ok(self.reconciler.tick().await?.into())
    }
}
