//! Mirrors the log to the bus: each event once and in order.

use std::sync::Arc;

use async_trait::async_trait;
use bus::{EventMirror, JetStreamMirror};
use chrono::{DateTime, Utc};
use projections::{Expand, Relay, RelaySettings};

use super::{Context, Part, Progress};
use crate::Error;

/// Messages in flight: enough to hide the latency of the bus, few enough to publish again.
const PAGE: usize = 500;

pub(super) async fn build(context: &Context) -> Result<Relay, Error> {
    let mirror: Arc<dyn EventMirror> = Arc::new(JetStreamMirror::open(context.bus()?).await?);
    let settings = RelaySettings {
        owner: context.owner(),
        lease_ttl: context.lease_ttl(),
        page: PAGE,
        expand: if context.settings.expand_events { Expand::PerMailbox } else { Expand::No },
    };
    let (log, programme) = (Arc::clone(context.journal().store()), context.journal().programme());
    Ok(Relay::new(log, mirror, programme.clone(), settings))
}

#[async_trait]
impl Part for Relay {
    async fn tick(&mut self, _now: DateTime<Utc>) -> Result<Progress, Error> {
        Ok(Self::tick(self).await?.into())
    }
}
