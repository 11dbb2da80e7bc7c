//! Carries orders out, several side by side, and applies the rate limits that the log sets.
//!
//! The workers are tasks of the process: they take orders until the queue closes, and each finishes
//! the order in flight. Any number of processes may work.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{Capabilities, Capability};
use eventstore::Journal;
use vouchers::Issuer;
use workers::Worker;

use super::{Context, Part, Progress};
use crate::Error;
use crate::backoff::backoff;
use crate::platform_choice::{PlatformLink, apply_rate_limits};

/// The workers of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerSettings {
    /// The capabilities whose orders they take.
    pub effects: Capabilities,
    /// Orders carried out side by side; at least one.
    pub count: usize,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self { effects: Capabilities::OF_WORKERS, count: 2 }
    }
}

pub(super) async fn build(context: &Context) -> Result<Work, Error> {
    let platform = context.platform().await?;
    let WorkerSettings { effects, count } = context.settings.workers;
    let issuer = if effects.contains(Capability::RequestVoucher) {
        let registry = Arc::clone(context.store.registry().await?);
        Some(Issuer::new(Arc::clone(context.journal()), registry))
    } else {
        None
    };
    for worker in 0..count.max(1) {
        let seed = context.settings.seed.wrapping_add(u64::try_from(worker).unwrap_or(0));
        let (journal, queue) = (Arc::clone(context.journal()), Arc::clone(&context.queue));
        let calls = Arc::clone(&platform.platform);
        let mut worker = Worker::new(journal, queue, calls, platform.reach, effects, seed);
        if let Some(issuer) = &issuer {
            worker = worker.issuing(Arc::new(issuer.clone()), platform.pace.clone());
        }
        context.tasks.spawn(carry_out(worker));
    }
    Ok(Work { journal: Arc::clone(context.journal()), platform })
}

pub(super) struct Work {
    journal: Arc<Journal>,
    platform: Arc<PlatformLink>,
}

#[async_trait]
impl Part for Work {
    async fn tick(&mut self, _now: DateTime<Utc>) -> Result<Progress, Error> {
        apply_rate_limits(&self.platform.pace, &*self.journal.state().await?);
        Ok(Progress::idle(None))
    }
}

/// Carries out order after order until the queue closes.
async fn carry_out(worker: Worker) {
    let mut failures = 0_u32;
    loop {
        match worker.next().await {
            Ok(()) => failures = 0,
            Err(workers::Error::Bus(bus::Error::Closed)) => break,
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(%error, "order returned to the queue; it will be retried");
                }
                let rest: Duration = backoff(failures);
                tokio::time::sleep(rest).await;
                failures = failures.saturating_add(1);
            }
        }
    }
}
