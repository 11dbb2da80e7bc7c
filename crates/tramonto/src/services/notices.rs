//! The sender of notices as a part of the worker's service.
//!
//! The lease keeps the pace: two senders would tell nobody twice, but hand over twice as fast.

use std::sync::Arc;

use async_trait::async_trait;
use domain::Tick;
use workers::notices::Sender;

use super::deployment::Deployment;
use super::lead::Lead;
use super::parts::{Ground, PartPasses};
use crate::Error;
use engine::notices::{Post, warn_of_silence};

pub(super) async fn notices(ground: Ground, post: Post) {
    let Deployment { journal, .. } = &ground.deployment;
    let Some(registry) = (match &post {
        Post::Nowhere => None,
        Post::Through(_) | Post::Relay(_) => ground.registry("notices").await,
    }) else {
        if let Ok(snapshot) = journal.state().await {
            warn_of_silence(&snapshot);
        }
        return;
    };
    let Some(mailer) = post.mailer(&registry) else { return };
    let sender = Sender::new(Arc::clone(journal), mailer, ground.stop.clone(), rand::random());
    let lead = ground.lead("notices");
    ground.serve("notices", Sending { sender, lead }).await;
}

struct Sending {
    sender: Sender,
    lead: Lead,
}

#[async_trait]
impl PartPasses for Sending {
    async fn pass(&mut self) -> Result<Option<Tick>, Error> {
        if !self.lead.is_ours().await? {
            return Ok(None);
        }
        Ok(Some(self.sender.tick().await?))
    }
}
