//! Several parts that act in turn, as one part: the embedded engine under either clock.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Part, Progress};
use crate::Error;

/// Parts that tick one after the other, in the order of the list.
pub struct Sequence {
    name: &'static str,
    parts: Vec<Box<dyn Part>>,
}

impl Sequence {
    /// These parts under one name.
    pub fn new(name: &'static str, parts: Vec<Box<dyn Part>>) -> Self {
        Self { name, parts }
    }
}

#[async_trait]
impl Part for Sequence {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn tick(&mut self, now: DateTime<Utc>) -> Result<Progress, Error> {
        let mut all = Progress::idle(None);
        for part in &mut self.parts {
            let Progress { done, next_wake, .. } = part.tick(now).await?;
            all.done += done;
            all.next_wake = all.next_wake.into_iter().chain(next_wake).min();
        }
        Ok(all)
    }
}
