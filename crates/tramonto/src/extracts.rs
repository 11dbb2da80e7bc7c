//! Links of message-log exports, made when their letters are written.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use eventstore::Journal;
use registry::Registry;
use uuid::Uuid;

use crate::Error;
use crate::cli::Global;
use crate::commands::logs;

/// Makes links of extracts, for the intake's letters.
pub(crate) struct Links {
    pub(crate) journal: Arc<Journal>,
    pub(crate) registry: Arc<Registry>,
    /// Where the index is, if it is not with the store.
    pub(crate) archive: Option<PathBuf>,
    pub(crate) global: Global,
}

impl Links {
    async fn make(&self, request: Uuid) -> Result<Option<String>, Error> {
        let number = {
            let snapshot = self.journal.state().await?;
            snapshot.log_requests.open().get(&request).map(|open| open.number)
        };
        let Some(number) = number else { return Ok(None) };
        let (holder, _) = logs::holder(&self.registry, number).await?;
        // Opened for each: letters with links are few, and the archive is the portal's to keep open.
        let office = logs::office(Arc::clone(&self.journal), self.archive.as_ref(), &self.global);
        let office = office.await?;
        let secret = office.relink(request, &holder).await;
        office.close().await?;
        Ok(secret?.map(|secret| format!("/logs/{secret}")))
    }
}

#[async_trait]
impl intake::Extracts for Links {
    async fn link(&self, request: Uuid) -> Result<Option<String>, String> {
        self.make(request).await.map_err(|error| {
            tracing::error!(%request, "{error}");
            "archive".to_owned()
        })
    }
}
