//! Keeps the projections of an embedded store up to date: behind the log, never in its way.
//!
//! Each pass saves the state that it reached, so passes are spaced: their cost follows elapsed time
//! and not the number of appends. A clean stop makes a last pass; after a crash, the next start
//! folds what no pass had saved from the log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use projections::Projections;

use super::{Context, Part, Progress};
use crate::Error;

/// The rest after a pass that reached the end of the log: later events are saved together.
const GATHER: Duration = Duration::from_millis(200);
/// A pass over fewer events reached the end of the log.
const PASS: u64 = 64;

pub(super) fn build(context: &Context) -> Result<Arc<Projections>, Error> {
    context.projections.clone().ok_or_else(|| {
        Error::Invalid("this part works on an embedded store; name a folder with --store".into())
    })
}

#[async_trait]
impl Part for Arc<Projections> {
    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error> {
        let tick = Projections::tick(self, now).await?;
        if (1..PASS).contains(&tick.progress) {
            tokio::time::sleep(GATHER).await;
        }
        Ok(tick.into())
    }
}
