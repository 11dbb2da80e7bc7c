//! Starts phases on their dates. Any number of schedulers may tick; the log lets one win.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use scheduler::Scheduler;

use super::{Context, Part, Progress};
use crate::Error;

pub(super) const NAME: &str = "scheduler";

pub(super) fn build(context: &Context) -> Schedule {
    Schedule(Scheduler::new(Arc::clone(&context.journal)))
}

pub(super) struct Schedule(Scheduler);

#[async_trait]
impl Part for Schedule {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn tick(&mut self, _now: DateTime<Utc>) -> Result<Progress, Error> {
        Ok(self.0.tick().await?.into())
    }
}
