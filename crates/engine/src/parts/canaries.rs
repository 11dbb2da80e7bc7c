//! Probes the plan's canaries beside each boundary.
//!
//! The lease keeps it to one prober: two would query the mail servers twice, and the slower one
//! would record nothing.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use registry::Registry;
use workers::canary::{CanaryLookup, Prober};

use super::{Context, Part, Progress};
use crate::Error;

pub(super) async fn build(context: &Context) -> Result<Option<Prober>, Error> {
    let Some(endpoints) = context.settings.canaries.clone() else { return Ok(None) };
    let addresses = Arc::new(RegistryNumbers(Arc::clone(context.store.registry().await?)));
    Ok(Some(Prober::new(Arc::clone(context.journal()), addresses, endpoints)))
}

#[async_trait]
impl Part for Prober {
    async fn tick(&mut self, _now: DateTime<Utc>) -> Result<Progress, Error> {
        Ok(Self::tick(self).await?.into())
    }
}

/// The mailbox numbers of a registry, by address.
pub struct RegistryNumbers(pub Arc<Registry>);

#[async_trait]
impl CanaryLookup for RegistryNumbers {
    async fn number(&self, address: &str) -> Result<Option<u32>, String> {
        let entry = self.0.find_address(address).await.map_err(|error| error.to_string())?;
        Ok(entry.map(|entry| entry.number))
    }
}
