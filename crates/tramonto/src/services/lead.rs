//! One at a time among all processes: a lease in the log's own store, with others standing by.
//!
//! The lease only saves doubled work. What is safe without it stays safe: who was suspended past its lease
//! finds its checkpoint moved on, or hands out orders that do no harm.

use std::sync::Arc;
use std::time::{Duration, Instant};

use eventstore::EventStore;
use metrics::gauge;

/// The right to work at something, asked for again and again.
pub(crate) struct Lead {
    log: Arc<dyn EventStore>,
    name: &'static str,
    owner: String,
    ttl: Duration,
    renewed: Option<Instant>,
}

impl Lead {
    /// Nothing is asked for yet. `owner` is this process's own name.
    pub(crate) fn new(
        log: Arc<dyn EventStore>,
        name: &'static str,
        owner: String,
        ttl: Duration,
    ) -> Self {
        Self { log, name, owner, ttl, renewed: None }
    }

    /// Is it this process's turn? Asks the store when a third of the lease is over.
    pub(crate) async fn is_ours(&mut self) -> Result<bool, eventstore::Error> {
        if self.renewed.is_some_and(|renewed| renewed.elapsed() < self.ttl / 3) {
            return Ok(true);
        }
        self.renewed = None;
        let asked = Instant::now();
        let lease = self.log.claim(self.name, &self.owner, self.ttl).await?;
        self.renewed = lease.map(|_| asked);
        let ours = self.renewed.is_some();
        gauge!("tramonto_leader", "of" => self.name).set(f64::from(u8::from(ours)));
        Ok(ours)
    }
}
