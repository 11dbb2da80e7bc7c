//! The prober of our own mailboxes as a part of the worker's service.
//!
//! The lease keeps it to one: two would ask the mail servers twice, and the slower one would record nothing.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Tick;
use workers::canary::{ProbeEndpoints, Prober};

use super::lead::Lead;
use super::parts::{Ground, PartPasses};
use crate::Error;
use ::engine::canaries;

pub(super) async fn probe(ground: Ground, endpoints: ProbeEndpoints) {
    let Some(registry) = ground.registry("canaries").await else { return };
    let journal = Arc::clone(&ground.deployment.journal);
    let prober = Prober::new(journal, canaries::book(registry), endpoints);
    let lead = ground.lead("canaries");
    ground.serve("canaries", Leading { prober, lead }).await;
}

struct Leading {
    prober: Prober,
    lead: Lead,
}

#[async_trait]
impl PartPasses for Leading {
    async fn pass(&mut self) -> Result<Option<Tick>, Error> {
        if !self.lead.is_ours().await? {
            return Ok(None);
        }
        Ok(Some(self.prober.tick().await?))
    }
}
