//! Gives the mail directory its mailboxes and the refusal texts of the plan in force.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Context, Part, Progress};
use crate::Error;
use crate::platform_choice::PlatformChoice;
use crate::provisioning::Provision;

pub(super) async fn build(context: &Context) -> Result<Option<Provision>, Error> {
    if let PlatformChoice::Webhook(_) = context.settings.platform {
        tracing::info!("the provider has its own mailboxes: nothing to provision");
        return Ok(None);
    }
    let registry = Arc::clone(context.store.registry().await?);
    let directory = Arc::clone(context.store.directory().await?);
    Ok(Some(Provision::new(Arc::clone(context.journal()), registry, directory)))
}

#[async_trait]
impl Part for Provision {
    async fn tick(&mut self, _now: DateTime<Utc>) -> Result<Progress, Error> {
        Ok(Progress { done: Self::tick(self).await?, ..Progress::idle(None) })
    }

    fn lease_lost(&mut self) {
        self.start_over();
    }
}
