//! Deletes message-log exports whose links have expired, as soon as the log records it.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use eventstore::Journal;

use super::{Context, Part, Progress};
use crate::Error;

pub(super) fn build(context: &Context) -> Result<Discard, Error> {
    let folder = context.store.settings().archive_home()?.exports();
    Ok(Discard { journal: Arc::clone(context.journal()), folder })
}

/// Deletes expired message-log exports of one folder.
pub struct Discard {
    /// The log that records which links have expired.
    pub journal: Arc<Journal>,
    /// The folder of the exports.
    pub folder: PathBuf,
}

#[async_trait]
impl Part for Discard {
    async fn tick(&mut self, _now: DateTime<Utc>) -> Result<Progress, Error> {
        let deleted = archive::delete_expired(&self.journal, &self.folder).await?;
        if deleted > 0 {
            tracing::info!(exports = deleted, "expired message-log exports deleted");
        }
        Ok(Progress::idle(None))
    }
}
