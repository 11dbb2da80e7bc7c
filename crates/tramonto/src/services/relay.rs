//! The relay as a service: the log's events, each once and in order, on the bus.

use std::sync::Arc;

use async_trait::async_trait;
use bus::{EventMirror, JetStreamMirror};
use domain::Tick;
use projections::{Expand, Relay, RelaySettings};

use super::deployment::Deployment;
use super::lead::Lead;
use super::parts::{Ground, PartPasses};
use crate::Error;

/// Messages under way at once: enough to hide the wire, little enough to publish again.
const PAGE: usize = 500;

/// Mirrors the log until it is stopped.
pub(super) async fn relay(ground: Ground, expand: bool) {
    let open = || JetStreamMirror::open(&ground.connection);
    let Some(mirror) = ground.patience().until("relay", open).await else { return };
    let mirror: Arc<dyn EventMirror> = Arc::new(mirror);
    let Deployment { log, journal, owner, .. } = &ground.deployment;
    let settings = RelaySettings {
        owner: owner.clone(),
        lease_ttl: ground.lease,
        page: PAGE,
        expand: if expand { Expand::PerMailbox } else { Expand::No },
    };
    let relay = Relay::new(Arc::clone(log), mirror, journal.programme().clone(), settings);
    let lead = ground.lead(Relay::LEASE);
    ground.serve("relay", Relaying { relay, lead }).await;
}

struct Relaying {
    relay: Relay,
    /// The relay's own lease, asked for here first: who stands by is told from who has nothing to do.
    lead: Lead,
}

#[async_trait]
impl PartPasses for Relaying {
    async fn pass(&mut self) -> Result<Option<Tick>, Error> {
        if !self.lead.is_ours().await? {
            return Ok(None);
        }
        Ok(Some(self.relay.tick().await?))
    }
}
