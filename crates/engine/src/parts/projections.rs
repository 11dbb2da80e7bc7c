//! Keeps the projections of an embedded store up to date: behind the log, never in its way.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use projections::Projections as Files;

use super::{Context, Part, Progress};
use crate::Error;

pub(super) const NAME: &str = "projections";

pub(super) fn build(context: &Context) -> Result<Projections, Error> {
    let files = context.projections.clone().ok_or_else(|| {
        Error::Invalid("this part works on an embedded store; name a folder with --store".into())
    })?;
    Ok(Projections(files))
}

pub(super) struct Projections(Arc<Files>);

#[async_trait]
impl Part for Projections {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error> {
        Ok(self.0.tick(now).await?.into())
    }
}
