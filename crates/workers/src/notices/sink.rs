//! A mailer that takes everything and carries nothing: for rehearsals.

use std::time::Duration;

use async_trait::async_trait;

use super::mailer::{Answer, Errand, Mailer, Posted};

/// Takes every notice without writing it: a rehearsal of a million letters need not write them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sink;

#[async_trait]
impl Mailer for Sink {
    fn handful(&self) -> u32 {
        u32::MAX
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(1)
    }

    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    async fn post(&self, errand: &Errand<'_>) -> Vec<Posted> {
        vec![Posted { answer: Answer::Accepted, mailboxes: errand.mailboxes.clone() }]
    }
}
