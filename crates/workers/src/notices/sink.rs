use std::time::Duration;

use async_trait::async_trait;
use mail::Outcome;

use super::mailer::{Batch, Mailer, Outcomes};

/// Accepts every notice without writing it, for rehearsals.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sink;

#[async_trait]
impl Mailer for Sink {
    fn batch_size(&self) -> u32 {
        u32::MAX
    }

    fn time_limit(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    async fn deliver(&self, batch: &Batch<'_>) -> Outcomes {
        Outcomes::from([(Outcome::Accepted, batch.mailboxes.clone().into_inner())])
    }
}
