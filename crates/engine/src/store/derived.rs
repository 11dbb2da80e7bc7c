//! The read models of a store, opened for a query.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{ProgrammeId, State};
use eventstore::EventStore;
use projections::Projections;
use tempfile::TempDir;

use crate::{Error, StoreUrl};

/// The longest last pass of the read models; the next start continues where it ended.
const LAST_PASS: Duration = Duration::from_secs(30);

/// The read models of a store.
pub(super) struct Derived {
    pub(super) projections: Projections,
    /// Where a store has none that can be used, they are built for one query, in a folder that is
    /// deleted afterwards.
    pub(super) folder: Option<TempDir>,
}

impl Derived {
    async fn open(
        folder: &Path,
        programme: &ProgrammeId,
        log: &Arc<dyn EventStore>,
    ) -> Result<Self, Error> {
        let projections = Projections::open(folder, programme.clone(), Arc::clone(log)).await?;
        Ok(Self { projections, folder: None })
    }

    /// Opens the read models of a folder; where there are none that can be used, empty ones.
    pub(super) async fn open_for_history(
        place: &StoreUrl,
        programme: &ProgrammeId,
        log: &Arc<dyn EventStore>,
    ) -> Result<Self, Error> {
        if let StoreUrl::Folder(folder) = place
            && let Ok(opened) = Self::open(folder, programme, log).await
        {
            return Ok(opened);
        }
        let folder = tempfile::tempdir().map_err(Error::file(
            std::env::temp_dir(),
            "cannot create a temporary folder; free some space, or set TMPDIR",
        ))?;
        let opened = Self::open(folder.path(), programme, log).await?;
        Ok(Self { folder: Some(folder), ..opened })
    }
}

/// The state that the read models have folded already, where they can be used: a broken read model
/// never fails a query, which then folds the log from its beginning.
pub(super) async fn folded(
    place: &StoreUrl,
    programme: &ProgrammeId,
    log: &Arc<dyn EventStore>,
) -> (State, u64, Option<Derived>) {
    let StoreUrl::Folder(folder) = place else { return (State::default(), 0, None) };
    let loaded = async {
        let opened = Derived::open(folder, programme, log).await?;
        let (state, position) = opened.projections.state().await?;
        Ok::<_, Error>((state, position, Some(opened)))
    };
    loaded.await.unwrap_or_else(|error| {
        let remedy = "run `tramonto store rebuild`";
        tracing::warn!(
            %error,
            remedy,
            "read models are unusable; reading the log from its beginning"
        );
        (State::default(), 0, None)
    })
}

/// Saves the read models up to the end of the log, at a clean stop. A failure is only logged: the
/// next start continues from the checkpoint.
pub(crate) async fn save_read_models(projections: &Projections, now: DateTime<Utc>) {
    let last = Box::pin(projections.catch_up(now));
    match tokio::time::timeout(LAST_PASS, last).await {
        Ok(Ok(events)) => tracing::debug!(events, "read models saved"),
        Ok(Err(error)) => tracing::warn!(%error, "read models could not be saved"),
        Err(_) => tracing::warn!("read models are still behind; the next start continues"),
    }
}
