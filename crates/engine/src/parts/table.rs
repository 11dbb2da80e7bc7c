//! Keeps the table with one row per mailbox of a shared store up to date.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use metrics::gauge;
use projections::Table;

use super::{Context, Part, Progress};
use crate::Error;
use crate::metrics::number;

pub(super) async fn build(context: &Context) -> Result<Table, Error> {
    let (programme, log) = (context.journal().programme(), context.journal().store());
    let (options, owner) = (context.store.settings().connect_options()?, context.owner());
    Ok(Table::connect(options, programme.clone(), Arc::clone(log), owner).await?)
}

#[async_trait]
impl Part for Table {
    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error> {
        let tick = Self::tick(self, now).await?;
        self.measure(now).await?;
        Ok(tick.into())
    }

    async fn measure(&mut self, now: DateTime<Utc>) -> Result<(), Error> {
        let lag = self.status(now).await?.lag_events;
        gauge!("tramonto_projection_lag_events", "projection" => "mailboxes").set(number(lag));
        Ok(())
    }
}
