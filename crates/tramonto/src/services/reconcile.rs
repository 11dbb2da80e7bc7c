//! Comparing the platform with the log: one process at a time, a range of mailboxes at a time.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::Tick;
use eventstore::Journal;
use platform::{Measured, Pace, Paced, Platform};
use workers::Reconciler;

use super::arrivals::Arrivals;
use super::lead::Lead;
use super::parts::{Found, Ground, PartPasses, reach};
use crate::{Error, embedded};

/// How soon it is looked again whether mailboxes that are on their way have arrived.
const ARRIVING: TimeDelta = TimeDelta::seconds(1);

pub(super) async fn reconcile(ground: Ground) {
    let Some(Found { platform, arrivals }) = ground.platform("drift").await else { return };
    let reach = reach(&*platform, &ground.sweep);
    let pace = Pace::default();
    let platform: Arc<dyn Platform> = Arc::new(Paced::new(Measured::new(platform), pace.clone()));
    let journal = Arc::clone(&ground.deployment.journal);
    let reconciler = Reconciler::new(Arc::clone(&journal), platform, reach);
    let lead = ground.lead("drift");
    ground.serve("drift", Reconciling { journal, reconciler, pace, lead, arrivals }).await;
}

struct Reconciling {
    journal: Arc<Journal>,
    reconciler: Reconciler,
    pace: Pace,
    lead: Lead,
    /// Where the platform is one that is given its mailboxes.
    arrivals: Option<Arrivals>,
}

#[async_trait]
impl PartPasses for Reconciling {
    async fn pass(&mut self) -> Result<Option<Tick>, Error> {
        if !self.lead.is_ours().await? {
            return Ok(None);
        }
        if let Some(arrivals) = &self.arrivals
            && arrivals.any().await?
        {
            let next_wake = self.journal.now().checked_add_signed(ARRIVING);
            return Ok(Some(Tick { progress: 0, next_wake }));
        }
        embedded::drive(&self.pace, &*self.journal.state().await?);
        Ok(Some(self.reconciler.tick().await?))
    }
}
