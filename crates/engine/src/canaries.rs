//! The prober of our own mailboxes as a part of this process: it looks them up in the registry.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Tick;
use registry::Registry;
use workers::canary::{CanaryLookup, Prober};

use crate::Error;
use crate::runner::Passes;

/// The registry, asked which mailbox a canary's address is.
pub fn book(registry: Arc<Registry>) -> Arc<dyn CanaryLookup> {
    Arc::new(Book(registry))
}

struct Book(Arc<Registry>);

#[async_trait]
impl CanaryLookup for Book {
    async fn number(&self, address: &str) -> Result<Option<u32>, String> {
        let entry = self.0.find_address(address).await.map_err(|error| error.to_string())?;
        Ok(entry.map(|entry| entry.number))
    }
}

/// A prober under the runner.
pub struct Probing(pub Prober);

#[async_trait]
impl Passes for Probing {
    async fn pass(&mut self) -> Result<Tick, Error> {
        Ok(self.0.tick().await?)
    }
}
