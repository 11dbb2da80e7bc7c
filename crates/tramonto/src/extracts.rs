//! Deleting extracts whose links are over: what has the folder does it, as soon as the log says so.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Tick;
use eventstore::{Clock, Journal};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::runner::{self, Passes};

/// The folder of extracts, kept free of what nobody may have any more.
struct Discarding {
    journal: Arc<Journal>,
    folder: PathBuf,
}

#[async_trait]
impl Passes for Discarding {
    async fn pass(&mut self) -> Result<Tick, Error> {
        let gone = archive::discard_ended(&self.journal, &self.folder).await?;
        if gone > 0 {
            tracing::info!(extracts = gone, "extracts whose links are over were deleted");
        }
        Ok(Tick::default())
    }
}

/// Deletes what is over until it is stopped.
pub(crate) async fn discard(
    journal: Arc<Journal>,
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let appended = journal.store().appended();
    let mut discarding = Discarding { journal, folder };
    runner::serve("extracts", clock, appended, stop, &mut discarding).await;
}
