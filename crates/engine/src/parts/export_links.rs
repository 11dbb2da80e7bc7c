//! Links of message-log exports, made when their letters are written.

use std::sync::Arc;

use async_trait::async_trait;
use eventstore::Journal;
use registry::Registry;
use uuid::Uuid;

use crate::Error;
use crate::store::{StoreSettings, holder};

/// Makes links of exports, for the letters of the intake.
pub struct ExportLinks {
    /// The event log.
    pub journal: Arc<Journal>,
    /// The registry.
    pub registry: Arc<Registry>,
    /// Where the message logs are.
    pub settings: StoreSettings,
}

impl ExportLinks {
    async fn make(&self, request: Uuid) -> Result<Option<String>, Error> {
        let number = {
            let snapshot = self.journal.state().await?;
            snapshot.log_requests.open.get(&request).map(|open| open.number)
        };
        let Some(number) = number else { return Ok(None) };
        let (holder, _) = holder(&self.registry, number).await?;
        // Opened for each: letters with links are few, and the portal keeps the archive open.
        let archive = self.settings.open_archive(Arc::clone(&self.journal)).await?;
        let secret = archive.relink(request, &holder).await;
        archive.close().await?;
        Ok(secret?.map(|secret| format!("/logs/{secret}")))
    }
}

#[async_trait]
impl intake::Exports for ExportLinks {
    async fn link(&self, request: Uuid) -> Result<Option<String>, String> {
        self.make(request).await.map_err(|error| {
            tracing::error!(%request, "{error}");
            "archive".to_owned()
        })
    }
}
