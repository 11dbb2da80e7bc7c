//! Several parts that act in turn, as one part: the embedded engine under either clock.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Part, Progress};
use crate::Error;

/// Parts that tick one after the other, in the order of the list.
pub struct Sequence(pub Vec<Box<dyn Part>>);

#[async_trait]
impl Part for Sequence {
    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error> {
        let mut all = Progress::idle(None);
        for part in &mut self.0 {
            let Progress { done, next_wake, .. } = part.tick(now).await?;
            all.done += done;
            all.next_wake = all.next_wake.into_iter().chain(next_wake).min();
        }
        Ok(all)
    }
}
