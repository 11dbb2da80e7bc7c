//! Starts phases on their dates. Any number of schedulers may tick; the log lets one win.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use scheduler::Scheduler;

use super::{Context, Part, Progress};
use crate::Error;

pub(super) fn build(context: &Context) -> Scheduler {
    Scheduler::new(Arc::clone(context.journal()))
}

#[async_trait]
impl Part for Scheduler {
    async fn tick(&mut self, _now: DateTime<Utc>) -> Result<Progress, Error> {
        Ok(Self::tick(self).await?.into())
    }
}
